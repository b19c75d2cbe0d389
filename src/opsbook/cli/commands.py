"""The table of commands: name, where its function is, one line of help.

Values only, so that ``opsbook --help`` loads nothing else.
"""

Command = tuple[str, str]

VERBS: dict[str, Command] = {
    "init": ("opsbook.cli.project:init", "Write a commented opsbook.yaml."),
    "check": ("opsbook.cli.project:check", "Report every problem of opsbook.yaml at once."),
    "up": ("opsbook.cli.environment:up", "Start what is live: datastores, proxy, services."),
    "down": ("opsbook.cli.environment:down", "Stop everything of this project."),
    "status": ("opsbook.cli.environment:status", "What runs, which release, who gets traffic."),
    "plan": ("opsbook.cli.deploys:plan", "Print the steps a deployment would take."),
    "deploy": ("opsbook.cli.deploys:deploy", "Put a revision live, watched and reversible."),
    "rollback": ("opsbook.cli.deploys:rollback", "Go back to the release before, or to --to."),
    "promote": ("opsbook.cli.deploys:promote", "Let a paused or holding deployment go on."),
    "abort": ("opsbook.cli.deploys:abort", "End the running deployment and go back."),
    "pause": ("opsbook.cli.deploys:pause", "Hold the running deployment at its next step."),
    "scale": ("opsbook.cli.deploys:scale", "Change how many instances a service has."),
    "restart": ("opsbook.cli.deploys:restart", "Restart a service without losing a request."),
    "health": ("opsbook.cli.environment:health", "Check everything; exit 0, 1, 2 or 3."),
    "logs": ("opsbook.cli.logs:logs", "Lines of all instances in time order."),
    "exec": ("opsbook.cli.logs:execute", "Run a command in a release's code and environment."),
}

NOUNS: dict[str, tuple[str, str | dict[str, Command]]] = {
    "release": (
        "What was built and what can come back.",
        {
            "list": ("opsbook.cli.releases:list_releases", "The kept releases."),
            "show": ("opsbook.cli.releases:show", "One release in full."),
            "diff": ("opsbook.cli.releases:diff", "What changed between two releases."),
        },
    ),
    "deployment": (
        "What was done, when, by whom, with which outcome.",
        {
            "list": ("opsbook.cli.deploys:list_deployments", "The latest deployments."),
            "show": ("opsbook.cli.deploys:show", "One deployment with its steps."),
            "follow": ("opsbook.cli.deploys:follow", "Attach to a running deployment."),
        },
    ),
    "maintenance": (
        "Windows and freezes.",
        {
            "freeze": ("opsbook.cli.windows:freeze", "Refuse deployments for a while."),
            "list": ("opsbook.cli.windows:list_windows", "Open and coming windows."),
            "end": ("opsbook.cli.windows:end", "End a window or freeze now."),
        },
    ),
    "audit": ("The ledger of every change.", "opsbook.cli.audit:audit"),
    "export": (
        "Files for other programs.",
        {
            "systemd": ("opsbook.cli.export:systemd", "A unit that starts this project at boot."),
            "schema": ("opsbook.cli.export:schema", "JSON Schema of opsbook.yaml for editors."),
        },
    ),
    "docs": ("The configuration reference, offline.", "opsbook.cli.project:docs"),
    "demo": ("See it all: a shop under load, good and bad versions.", "opsbook.cli.demo:demo"),
    "serve": ("Run the daemon in the foreground.", "opsbook.cli.environment:serve"),
}
