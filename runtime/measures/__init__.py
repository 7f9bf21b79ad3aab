"""What a worker measures: spans of its attempts, its start-up, on the store's clock, and how they are sent."""
