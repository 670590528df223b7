"""Networks as other people publish them, with known answers: how they are made, and how what we do is judged."""
