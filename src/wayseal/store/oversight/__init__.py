"""Rows of oversight. Owns reading and writing them; what they mean is decided in `flow.oversee`, and the ledger is the truth."""
