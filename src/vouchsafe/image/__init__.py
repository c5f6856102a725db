"""What an image is called and what it is made of: references, digests, manifests. Pure."""
