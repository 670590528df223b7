"""Programs about other processors, which are emulated."""
