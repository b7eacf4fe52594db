"""The decisions of Lapse, pure: plain values and the time in, plain values out. Standard library only."""
