"""What ``opsbook init`` writes: a small file that works, and what to add to it."""

_TEMPLATE = """\
# What runs here, and how. Every key is explained by: opsbook docs
# opsbook check tells what is wrong with this file, opsbook up starts what it says.
project: {project}

# Where it runs. The first one is meant when none is named with -e.
# environments:
#   staging:    {{branch: develop, url: https://staging.{project}.example}}
#   production: {{branch: main, url: https://{project}.example, approvals: 1}}

platform: process                  # process, docker or kubernetes

services:
  api:
    # build: [pip install -r requirements.txt]
    run: python3 -m http.server $PORT --bind 127.0.0.1   # each instance gets its own $PORT
    shell: true                    # only because of $PORT in the command line
    route: /
    health: /                      # better: {{live: /health/live, ready: /health/ready}}
    instances: 2
    # env: {{LOG_LEVEL: info}}
    # secrets: {{JWT_SECRET: {{env: JWT_SECRET, min_length: 32}}}}
    # resources: {{memory: 512Mi, cpu: 0.5}}

# What the services need. embedded: true lets Opsbook run one here.
# dependencies:
#   database: {{type: postgres, url: "${{DATABASE_URL}}", pool_max: 20}}
#   cache:    {{type: redis, url: "${{REDIS_URL}}", holds: [cache, queue]}}

# How a new release takes over: rolling, blue-green or canary.
strategy: rolling
strategies:
  rolling: {{surge: 1, unavailable: 0, watch: 5m}}

# When a number is worth a message, a page, or going back.
thresholds:
  error_rate:  {{warning: "> 1%", critical: "> 5%", for: 5m}}
  latency_p95: {{warning: "> 300ms", critical: "> 500ms", for: 10m}}
  health:      {{critical: failing, for: 3m}}
rollback_on: [error_rate, latency_p95, health]

# What must work before users reach a new release.
smoke:
  - {{name: front page, service: api, path: /}}

# migrations:   {{status: alembic current, up: alembic upgrade head, down: alembic downgrade -1}}
# backups:      {{database: {{at: "0 2 * * *", keep: 30d, to: ./backups}}}}
# recovery:     {{rto: 1h, rpo: 24h, drill: monthly}}

# Who is told.
channels:
  log: {{type: console}}
  # chat: {{type: slack, url: "${{SLACK_WEBHOOK}}"}}
notify:
  critical: [log]
  warning: [log]
severities:
  SEV-1: {{respond: 0m, page: [log], description: Complete outage or loss of data}}
  SEV-2: {{respond: 15m, description: A major feature is broken}}
  SEV-3: {{respond: 1h, description: A minor feature is broken}}
  SEV-4: {{respond: next business day, description: No immediate impact}}
"""


def init_template(project: str) -> str:
    """A commented ops file that passes ``opsbook check`` in an empty folder.

    ``project`` is turned into a name the file may hold: small letters, digits, dashes.
    """
    plain = "".join(letter if letter.isalnum() else "-" for letter in project.lower())
    plain = plain.encode("ascii", "ignore").decode().strip("-")[:40].strip("-")
    if not plain or not plain[0].isalpha():
        plain = f"project-{plain}".strip("-")[:40]
    return _TEMPLATE.format(project=plain)
