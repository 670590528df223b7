"""What machine this is, and what else it does meanwhile: load, temperature, throttling."""
