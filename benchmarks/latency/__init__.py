"""Programs about time: runtimes beside one another, quantizing, start-up, and the bench itself."""
