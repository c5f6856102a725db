"""The watch: how far upstream is with what would make the countersigner needless, and what changed since last asked.

Questions are data (`questions`): what each asks (`Query`), and a pure judgement of what was answered. Answers are
remembered with their dates (`memory`), so that every check can be made again, offline, as of any day. Nothing here
knows the host's clients: whoever runs a check brings their answers as one more service.
"""
