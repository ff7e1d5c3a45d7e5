"""What infra/terraform and the code must agree on, read as text: queues, settings, roles, alerts, the machines' files."""

import hashlib
import json
import re
import string
import threading
import urllib.error
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import yaml

from infra.terraform.files.fetch_release import fetch, token_request
from shared import outbox
from shared.settings import Settings

ROOT = Path(__file__).parents[2]
TERRAFORM = ROOT / "infra" / "terraform"
ALERTS = json.loads((TERRAFORM / "alerts.json").read_text())


OF_THE_HOST = {"PYTHON_THREADPOOL_THREAD_COUNT"}
"""Settings that the Functions host's Python worker reads."""
OF_LIBRARIES = {"APPLICATIONINSIGHTS_AUTHENTICATION_STRING", "AZURE_CLIENT_ID", "OTEL_SERVICE_NAME"}
"""Settings that a library of Microsoft's or OpenTelemetry's reads."""


def text(name: str) -> str:
    """A file of the configuration."""
    return (TERRAFORM / name).read_text()


def listed(name: str, source: str) -> list[str]:
    """The texts of a list in a file: `name = ["a", "b"]`, or of `name = toset([...])`."""
    match = re.search(rf"\b{name}\s*=\s*(?:toset\()?\[(.*?)\]", source, re.DOTALL)
    assert match, f"{name} is not there"
    return re.findall(r'"([^"]+)"', match[1])


def test_every_queue_of_the_outbox_is_made() -> None:
    queues = listed("platform_queues", text("locals.tf"))
    assert set(outbox.QUEUES) <= set(queues)


def test_every_setting_of_the_app_is_one_that_is_read() -> None:
    body = text("main.app.tf")
    names = set(re.findall(r"^ +([A-Z][A-Z0-9_]+) += ", body, re.MULTILINE))
    names |= set(re.findall(r"^ +([A-Z][A-Z0-9_]+) += ", text("main.secrets.tf"), re.MULTILINE))
    known = {name.upper() for name in Settings.model_fields} | OF_THE_HOST | OF_LIBRARIES
    assert names - known == set()
    assert len(names) > 20


def test_the_calls_an_instance_takes_are_the_hosts_too() -> None:
    host = json.loads((ROOT / "host.json").read_text())
    pool = Settings.model_fields["database_pool_size"].default
    assert host["extensions"]["http"]["maxConcurrentRequests"] == pool + 6


def test_bootstrap_lets_the_workflow_give_the_roles_that_are_given_and_no_others() -> None:
    given = set(re.findall(r'role = "([^"]+)"', text("main.identity.tf")))
    assert set(listed("roles", text("bootstrap/main.tf"))) == given


def test_no_file_of_variables_holds_a_secret() -> None:
    for path in TERRAFORM.glob("*.tfvars"):
        found = re.search(r"(?i)(password|secret|private_key|access_key|connection_string)\w*\s*=", path.read_text())
        assert found is None, path.name


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_is_whole(name: str) -> None:
    alert = ALERTS[name]
    assert set(alert) == {"severity", "every", "window", "why", "query", "runbook", "thresholds"}
    used = {each[1] or each[2] for each in string.Template.pattern.findall(alert["query"])}
    assert used == set(alert["thresholds"])


def rendered_cloud_init() -> str:
    """The training machine's cloud-init with made-up values, as Terraform fills it in."""
    values = {
        "releases": "https://code.example/releases",
        "version": "0.1.0",
        "sha256": "0" * 64,
        "client_id": "id",
        "database_url": "mysql+pymysql://id@database.example/evcharging",
        "blob_endpoint": "https://data.example/",
        "blob_container": "evcharging",
    }
    source = text("files/training.cloud-init.yaml")
    script = text("files/fetch_release.py").replace("\n", "\n" + " " * 6)
    return string.Template(source.replace("${indent(6, fetch_release)}", script)).safe_substitute(values)


def test_the_training_machine_is_told_yaml_that_makes_its_files() -> None:
    told = yaml.safe_load(rendered_cloud_init())
    files = {each["path"]: each["content"] for each in told["write_files"]}
    assert files["/opt/evcharging/fetch_release.py"].rstrip() == text("files/fetch_release.py").rstrip()
    assert "python -m training.pipeline" in files["/opt/evcharging/run.sh"]
    assert "--no-index" in files["/opt/evcharging/run.sh"]
    assert "ExecStopPost=+/usr/bin/systemctl poweroff" in files["/etc/systemd/system/evcharging-training.service"]


def test_nobody_can_sign_in_to_the_training_machine() -> None:
    (user,) = yaml.safe_load(rendered_cloud_init())["users"]
    assert user["shell"] == "/usr/sbin/nologin"
    assert user["lock_passwd"]


def test_the_machines_settings_hold_no_secret() -> None:
    told = yaml.safe_load(rendered_cloud_init())
    (settings,) = [each["content"] for each in told["write_files"] if each["path"].endswith("training.env")]
    assert not re.search(r"(?i)password|key=|secret|://[^/@\s]*:[^/@\s]+@", settings)


RELEASE = b"a release"


class Storage(BaseHTTPRequestHandler):
    """An identity endpoint and a blob store on loopback."""

    def do_GET(self) -> None:
        """A token for who shows the header, the release for who shows the token."""
        if self.path.startswith("/identity"):
            allowed, answer = self.headers["X-IDENTITY-HEADER"] == "shown", b'{"access_token": "a token"}'
        else:
            allowed, answer = self.headers["Authorization"] == "Bearer a token", RELEASE
        self.send_response(200 if allowed else 401)
        self.end_headers()
        self.wfile.write(answer if allowed else b"")

    def log_message(self, *arguments: object) -> None:
        """Nothing is printed."""


@pytest.fixture
def store() -> Iterator[str]:
    """Address of the loopback store."""
    server = HTTPServer(("127.0.0.1", 0), Storage)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def container(store: str, header: str = "shown") -> dict[str, str]:
    """The environment of a container with an identity."""
    return {"AZURE_CLIENT_ID": "id", "IDENTITY_ENDPOINT": f"{store}/identity", "IDENTITY_HEADER": header}


def test_a_release_is_fetched_by_identity(store: str, tmp_path: Path) -> None:
    sha256 = hashlib.sha256(RELEASE).hexdigest()
    fetch(f"{store}/releases/one.zip", sha256, tmp_path / "one.zip", container(store))
    assert (tmp_path / "one.zip").read_bytes() == RELEASE


def test_a_release_with_another_sum_is_not_written(store: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="has the sha256"):
        fetch(f"{store}/releases/one.zip", "0" * 64, tmp_path / "one.zip", container(store))
    assert not (tmp_path / "one.zip").exists()


def test_who_has_no_identity_gets_no_release(store: str, tmp_path: Path) -> None:
    with pytest.raises(urllib.error.HTTPError, match="401"):
        fetch(f"{store}/releases/one.zip", "0" * 64, tmp_path / "one.zip", container(store, header="guessed"))


def test_a_machine_asks_the_metadata_service() -> None:
    request = token_request({"AZURE_CLIENT_ID": "id"})
    assert request.full_url.startswith("http://169.254.169.254/metadata/identity/oauth2/token?")
    assert request.get_header("Metadata") == "true"
