"""The host side: from a manifest to a bundle of per-worker subDAGs and payloads."""
