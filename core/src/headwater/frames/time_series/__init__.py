"""Time series: which kind a frame is, and the ways from each kind to the others.

Long: one row per time and series, told apart by text and bool columns. Wide: one row per time, one
column per series, told apart by labels. Multi: one frame per series.
"""
