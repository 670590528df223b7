"""What machine this is, and its state while it measures: load, temperature, throttling."""
