"""A virtual Sigstore and a registry, for the tests of this project and of whoever builds on it.

They make every right thing and, by name, every wrong thing; in memory, and as loopback servers that real
clients talk to. Nothing here is to be believed: its keys follow from a seed that anybody may know.

>>> from vouchsafe.testing.sigstore import VirtualSigstore
>>> VirtualSigstore().workload.subject
'https://gitlab.example/group/project//.gitlab-ci.yml@refs/heads/main'
"""
