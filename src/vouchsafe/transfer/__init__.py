"""Images with everything that belongs to them: looked through whole, and carried whole to another place.

Above `admission` and `signing`, whose ways of finding evidence and of adding to a shared tag serve here too.
"""
