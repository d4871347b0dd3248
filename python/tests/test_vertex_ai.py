"""vertex_ai and local_docker: what is built and sent, and how containers find each other."""

from __future__ import annotations

import http.server
import json
import os
import pathlib
import pickle
import re
import sys
import threading
from collections.abc import Iterator

import pytest

import launchpad as lp
from launchpad import errors
from launchpad.cloud import cluster, local_docker, stopper, vertex_ai
from launchpad.cloud.docker_config import Hardware


class Producer:
    def produce(self) -> str:
        return "produced"


def consume(producer: lp.CourierClient) -> None:
    print("consumed", producer.produce(), flush=True)


@pytest.fixture
def config(tmp_path: pathlib.Path) -> lp.DockerConfig:
    (tmp_path / "code").mkdir()
    (tmp_path / "code/mine.py").write_text("x = 1\n")
    (tmp_path / "requirements.txt").write_text("dm-tree\n")
    return lp.DockerConfig(str(tmp_path / "code"), str(tmp_path / "requirements.txt"))


def drawn(producers: int = 2) -> lp.Program:
    program = lp.Program("Test program")
    with program.group("producer"):
        handles = [program.add_node(lp.CourierNode(Producer)) for _ in range(producers)]
    program.add_node(lp.PyNode(consume, handles[-1]), label="consumer")
    return program


def with_gpu(config: lp.DockerConfig, name: str = "NVIDIA_TESLA_T4") -> lp.DockerConfig:
    hardware = {"cpu": 8, "memory_gib": 30, "accelerator": name}
    return lp.DockerConfig(config.code_directory, config.docker_requirements, hardware, ["lib"])


def dry_run(program, folder, resources, launch_type="vertex_ai"):
    launcher = vertex_ai if launch_type == "vertex_ai" else local_docker
    assert launcher.launch(program, resources, str(folder)) is None


def test_a_dry_run_writes_a_context_for_each_configuration_and_the_request(tmp_path, config):
    out = tmp_path / "out"
    dry_run(drawn(), out, {"producer": config, "consumer": with_gpu(config)})
    assert sorted(path.name for path in out.iterdir()) == ["image0", "image1", "job.json"]
    # The consumer is alone, so it is the first pool.
    assert (out / "image0/nodes/workerpool0-0.pkl").is_file()
    assert len(list((out / "image1/nodes").iterdir())) == 2
    assert (out / "image1/code/mine.py").read_text() == "x = 1\n"
    assert (out / "image1/requirements").read_text() == "dm-tree\n"
    dockerfile = (out / "image0/Dockerfile").read_text()
    assert f"FROM python:3.{sys.version_info[1]}-slim" in dockerfile
    assert "ENV PYTHONPATH=/launchpad/code:/launchpad/code/lib " in dockerfile
    assert '"launchpad.cloud.worker"' in dockerfile
    pools = json.loads((out / "job.json").read_text())["job_spec"]["worker_pool_specs"]
    assert [pool["replica_count"] for pool in pools] == [1, 2]
    assert pools[0]["machine_spec"] == {
        "machine_type": "n1-standard-8",
        "accelerator_type": "NVIDIA_TESLA_T4",
        "accelerator_count": 1,
    }
    assert pools[1]["machine_spec"] == {"machine_type": "n1-standard-4"}


def test_each_job_has_a_token_of_its_own_in_files_that_nobody_else_reads(tmp_path, config):
    tokens = []
    for name in ("one", "two"):
        resources = {"producer": config, "consumer": with_gpu(config)}
        dry_run(drawn(), tmp_path / name, resources)
        files = [tmp_path / name / image / "token" for image in ("image0", "image1")]
        assert [file.stat().st_mode & 0o777 for file in files] == [0o600, 0o600]
        first, second = (file.read_text() for file in files)
        assert first == second
        assert len(first) == 64
        assert "COPY token token" in (tmp_path / name / "image0/Dockerfile").read_text()
        assert first not in (tmp_path / name / "job.json").read_text()
        assert first not in (tmp_path / name / "image0/Dockerfile").read_text()
        tokens.append(first)
    assert tokens[0] != tokens[1]


def test_a_wheel_of_ones_own_is_installed_in_the_image(tmp_path, config, monkeypatch):
    (tmp_path / "lp_launchpad-1-any.whl").write_text("wheel")
    monkeypatch.setenv("LAUNCHPAD_WHEEL", str(tmp_path / "lp_launchpad-1-any.whl"))
    dry_run(drawn(), tmp_path / "out", {"producer": config, "consumer": config})
    dockerfile = (tmp_path / "out/image0/Dockerfile").read_text()
    assert "COPY requirements lp_launchpad-1-any.whl /launchpad/" in dockerfile
    assert "pip install --no-cache-dir './lp_launchpad-1-any.whl[vertex-ai]'" in dockerfile
    assert (tmp_path / "out/image0/lp_launchpad-1-any.whl").read_text() == "wheel"


def test_the_flag_makes_a_dry_run(run, tmp_path):
    (tmp_path / "code").mkdir()
    (tmp_path / "requirements.txt").write_text("")
    ended = run(
        """
        import launchpad as lp

        def node():
            pass

        program = lp.Program("p")
        program.add_node(lp.PyNode(node), label="n")
        config = lp.DockerConfig("code", "requirements.txt")
        print(lp.launch(program, xm_resources={"n": config}))
        """,
        "--lp_launch_type=vertex_ai",
        "--lp_dry_run_dir=out",
    )
    assert ended.status == 0, ended.err
    assert "None" in ended.out
    assert (tmp_path / "out/job.json").is_file()


def test_equal_nodes_share_a_pool_but_for_the_first_which_is_alone(config):
    pools = cluster.pools(drawn(3), {"producer": config, "consumer": config})
    assert [(pool.name, len(pool.nodes), pool.image) for pool in pools] == [
        ("workerpool0", 1, 0),
        ("workerpool1", 3, 0),
    ]


def test_more_than_four_pools_are_an_error(config):
    program = lp.Program("p")
    resources = {}
    for number in range(5):
        program.add_node(lp.CourierNode(Producer), label=f"n{number}")
        resources[f"n{number}"] = with_gpu(config, f"GPU{number}")
    with pytest.raises(RuntimeError, match="Too many nodes with different requirements specified"):
        cluster.pools(program, resources)


def test_what_is_missing_is_named(config, tmp_path):
    with pytest.raises(ValueError, match="needs a DockerConfig for the label 'consumer'"):
        cluster.pools(drawn(), {"producer": config})
    with pytest.raises(ValueError, match=r"'actor', which no node has; .*'producer', 'consumer'"):
        cluster.pools(drawn(), {"actor": config})
    both = {"consumer": config, "producer": lp.DockerConfig(docker_requirements="x")}
    with pytest.raises(ValueError, match="DockerConfig of 'producer' needs code_directory"):
        cluster.pools(drawn(), both)
    both["producer"] = lp.DockerConfig(str(tmp_path), "/no/such")
    with pytest.raises(ValueError, match="no docker_requirements at '/no/such'"):
        cluster.pools(drawn(), both)
    with pytest.raises(ValueError, match=r"name one in\s+Hardware\(machine_type"):
        Hardware(cpu=1000).machine()


def test_a_node_with_two_addresses_is_an_error(config):
    program = lp.Program("p")
    node = lp.CourierNode(Producer)
    node.allocate_address(lp.Address("other"))
    program.add_node(node, label="n")
    with pytest.raises(RuntimeError, match="Vertex AI supports only one port per node"):
        vertex_ai.prepare(program, {"n": config})


class Endpoint(http.server.BaseHTTPRequestHandler):
    """Answers as the service does, and keeps what it was sent."""

    seen: list[tuple[str, dict]]

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.seen.append((self.path, body))
        answer = json.dumps({**body, "name": "projects/p/locations/r/customJobs/7"}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def endpoint() -> Iterator[tuple[str, list]]:
    Endpoint.seen = []
    with http.server.ThreadingHTTPServer(("localhost", 0), Endpoint) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"localhost:{server.server_address[1]}", Endpoint.seen
        server.shutdown()
        thread.join()


def client_of(address: str):
    """Google's own client, of the local endpoint."""
    from google.auth.credentials import AnonymousCredentials
    from google.cloud import aiplatform_v1
    from google.cloud.aiplatform_v1.services.job_service.transports import JobServiceRestTransport

    credentials = AnonymousCredentials()
    transport = JobServiceRestTransport(host=address, credentials=credentials, url_scheme="http")
    return aiplatform_v1.JobServiceClient(transport=transport)


@pytest.mark.timeout(120)  # Its import alone takes seconds, many on a busy machine.
def test_googles_own_sdk_sends_the_request(endpoint, config):
    from google.cloud import aiplatform_v1 as aiplatform

    address, seen = endpoint
    client = client_of(address)
    resources = {"producer": config, "consumer": with_gpu(config)}
    job = vertex_ai.request("p", vertex_ai.prepare(drawn(), resources))
    sent = vertex_ai.submit(client, "p", "r", job)
    assert sent.name == "projects/p/locations/r/customJobs/7"
    ((path, body),) = seen
    assert path.startswith("/v1/projects/p/locations/r/customJobs")
    first, second = body["jobSpec"]["workerPoolSpecs"]
    assert first["machineSpec"]["acceleratorType"] == aiplatform.AcceleratorType.NVIDIA_TESLA_T4
    assert int(second["replicaCount"]) == 2
    assert second["containerSpec"]["args"][1] == "launchpad.cloud.worker"


def test_without_the_sdk_the_error_has_the_install_line(monkeypatch, config):
    monkeypatch.setitem(sys.modules, "google.cloud", None)
    with pytest.raises(ImportError, match=r"pip install 'lp-launchpad\[vertex-ai\]'"):
        vertex_ai.launch(drawn(), {"producer": config, "consumer": config}, None)


def test_nodes_find_each_other_by_the_cluster_spec(start, config, tmp_path, free_ports):
    out = tmp_path / "out"
    program = drawn(2)
    dry_run(program, out, {"producer": config, "consumer": config})
    first, second, third = (f"127.0.0.1:{port}" for port in free_ports(3))
    spec = {"workerpool0": [first], "workerpool1": [second, third]}

    def container(pool: str, index: int):
        task = {"cluster": spec, "task": {"type": pool, "index": index}}
        command = [sys.executable, "-m", "launchpad.cloud.worker", str(out / "image0/nodes")]
        tests = str(pathlib.Path(__file__).parent)
        return start(command=command, env={"CLUSTER_SPEC": json.dumps(task), "PYTHONPATH": tests})

    container("workerpool0", 0)
    container("workerpool1", 0)
    consumer = container("workerpool1", 1)
    assert consumer.read_until("consumed") == "consumed produced"
    assert consumer.end() == 0, consumer.err
    # Nobody else is served.
    with pytest.raises(errors.StatusNotOk, match="only who has its token"):
        lp.CourierClient(second, wait_for_ready=False).produce()
    token = out / "image0/token"
    assert lp.CourierClient(second, token=token, wait_for_ready=False).produce() == "produced"


@pytest.fixture
def free_ports():
    import socket

    def free_ports(count: int) -> list[int]:
        sockets = [socket.socket() for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        ports = [one.getsockname()[1] for one in sockets]
        for one in sockets:
            one.close()
        return ports

    return free_ports


def test_what_cannot_be_in_a_container_is_an_error(config):
    program = lp.Program("p")
    program.add_node(lp.CppNode(sys.executable, "Counter"), label="n")
    with pytest.raises(ValueError, match=r"'n/0' .* binary of this machine.* local_mp"):
        vertex_ai.prepare(program, {"n": config})
    program = lp.Program("p")
    program.add_node(lp.PyNode(consume, lp.CourierNode(Producer).create_handle()), label="n")
    with pytest.raises(ValueError, match="never added"):
        vertex_ai.prepare(program, {"n": config})


def test_a_program_can_be_prepared_again(config):
    program = drawn()
    for _ in range(2):
        vertex_ai.prepare(program, {"producer": config, "consumer": config})


def test_outside_of_a_container_an_address_says_what_is_missing(monkeypatch):
    monkeypatch.delenv("CLUSTER_SPEC", raising=False)
    with pytest.raises(RuntimeError, match="CLUSTER_SPEC is not in the environment"):
        cluster.VertexAiAddressBuilder("workerpool0", 0).build()


@pytest.mark.timeout(120)
def test_the_stopper_cancels_the_job_of_its_task(monkeypatch, endpoint):
    from google.cloud import aiplatform_v1

    monkeypatch.setenv("CLOUD_ML_PROJECT_ID", "p")
    monkeypatch.setenv("CLOUD_ML_JOB_ID", "7")
    monkeypatch.setenv("LAUNCHPAD_REGION", "r")
    assert stopper.job_name() == "projects/p/locations/r/customJobs/7"
    client = client_of(endpoint[0])
    monkeypatch.setattr(aiplatform_v1, "JobServiceClient", lambda **_: client)
    stop = pickle.loads(pickle.dumps(lp.make_program_stopper("vertex_ai")))
    stop(mark_as_completed=True)
    ((path, _),) = endpoint[1]
    assert path.startswith("/v1/projects/p/locations/r/customJobs/7:cancel")
    monkeypatch.delenv("CLOUD_ML_JOB_ID")
    with pytest.raises(RuntimeError, match="'CLOUD_ML_JOB_ID' is not in the environment"):
        stop()


def test_local_docker_without_an_engine_says_so(monkeypatch, config, tmp_path):
    client = tmp_path / "bin/docker"
    client.parent.mkdir()
    client.write_text("#!/bin/sh\necho 'Cannot connect to the Docker daemon' >&2\nexit 1\n")
    client.chmod(0o755)
    monkeypatch.setenv("PATH", f"{client.parent}:{os.environ['PATH']}")
    with pytest.raises(RuntimeError, match="needs a Docker engine, and none answers: Cannot conn"):
        lp.launch(drawn(), "local_docker", {"producer": config, "consumer": config})


def test_local_docker_without_the_client_says_so(monkeypatch, config):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(RuntimeError, match="needs a Docker engine, and there is no program docker"):
        lp.launch(drawn(), "local_docker", {"producer": config, "consumer": config})


def test_requirements_of_xmanager_are_taken(config):
    from xmanager import xm

    taken = lp.DockerConfig("c", "r", xm.JobRequirements(cpu=2, ram=10 * xm.GiB, t4=2)).hardware()
    assert taken == Hardware(2, 10, "NVIDIA_TESLA_T4", 2)
    assert taken.machine() == "n1-standard-4"
    with pytest.raises(ValueError, match=r"ask for TPU_V3.*Hardware\(machine_type"):
        lp.DockerConfig("c", "r", xm.JobRequirements(tpu_v3=8)).hardware()
    with pytest.raises(ValueError, match="must have one replica"):
        lp.DockerConfig("c", "r", xm.JobRequirements(cpu=2, replicas=2)).hardware()
    with pytest.raises(ValueError, match="XManager's JobRequirements, not int"):
        lp.DockerConfig("c", "r", 5).hardware()


@pytest.mark.parametrize("name", ["contained", "My Program", "größer", "__"])
def test_images_have_names_that_engines_take(name, monkeypatch):
    monkeypatch.delenv(vertex_ai.PROJECT_VARIABLE, raising=False)
    path = r"gcr\.io/project/launchpad-[a-z0-9]+(-+[a-z0-9]+)*-7:latest"
    assert re.fullmatch(path, vertex_ai.image_name(name, 7))
