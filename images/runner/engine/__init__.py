"""How roles and playbooks are executed: jobs, workers, the zygote, plays, results; the only room that imports ansible-core."""
