"""Merkle proofs."""
