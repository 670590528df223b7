"""How this program's processes start, answer each other and end."""
