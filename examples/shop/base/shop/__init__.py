"""A small retail system: API, consumer site, admin site, worker and payment gateway."""
