"""An operator's list made executable: steps in an order, each checked, journalled, resumable and undone.

`step` is what a runbook is made of, `journal` what is known about a run, `running` how one goes on, stops and
goes back. `re_enable` is the one runbook there is; what its steps find is judged in a module for each of
them, and what they need of the host is `site`. Decides; prints nothing.
"""
