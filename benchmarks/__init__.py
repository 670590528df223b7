"""Programs that measure edgecnn, and their results (results/): python -m benchmarks"""
