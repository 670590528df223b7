"""Quantizes a model: builds, scores and times candidates, then chooses the best one or keeps float32."""
