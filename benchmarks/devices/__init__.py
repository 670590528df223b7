"""Programs that use emulated processors."""
