"""System checks with ids (quantsite.E001 ...): what settings alone cannot refuse."""
