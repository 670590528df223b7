"""Files that ask for much memory: large ones, and small ones that become large. Each function writes one."""
