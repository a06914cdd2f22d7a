"""Thirty days of a company that sells, on the memory engine: what the rules of a handoff are held against."""
