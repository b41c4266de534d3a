"""Plates: found, rectified, read with each character's probabilities, voted on over frames, weighed by grammars.

Nothing here writes anything; texts and pictures stay in memory and are never printed. It knows no traveller and no list.
"""
