"""The programs that measure edgecnn, and what they found (results/): python -m benchmarks"""
