"""Programs in containers: Vertex AI and a local Docker engine."""
