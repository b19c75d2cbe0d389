"""What ``opsbook init`` writes."""


def init_template(project: str) -> str:
    return f"project: {project}\n"
