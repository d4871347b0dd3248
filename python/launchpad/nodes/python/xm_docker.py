"""DockerConfig, under upstream's name for its module."""

from launchpad.cloud.docker_config import DockerConfig

__all__ = ["DockerConfig"]
