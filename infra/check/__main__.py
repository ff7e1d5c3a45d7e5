"""`python -m infra.check`: the whole check of infra/terraform, said in a few lines. Exits 1 where something is wrong."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from infra.check import faults
from infra.check.workbench import PYTHON, ROOT, TERRAFORM, Workbench, missing

TESTS = sorted(path.name.removesuffix(".tftest.hcl") for path in (TERRAFORM / "tests").glob("*.tftest.hcl"))
"""Terraform's own tests, by name."""


def terraform(folder: Path) -> list[str]:
    """What Terraform has against the configuration and against bootstrap/: form, schema, values and its own tests."""
    complaints = []
    for name, source in (("terraform", TERRAFORM), ("bootstrap", TERRAFORM / "bootstrap")):
        bench = Workbench(folder / name, source)
        bench.init()
        complaints += [f"{name}/{file}: not as terraform fmt writes it" for file in bench.format()]
        complaints += [f"{name}/{problem.file}:{problem.line}: {problem.text}" for problem in bench.validate()]
    bench = Workbench(folder / "tests")
    bench.init()
    for test in TESTS:
        outcomes, problems = bench.test(test)
        complaints += [f"tests/{test}: {name}: {outcome}" for name, outcome in outcomes.items() if outcome != "pass"]
        complaints += [f"tests/{test}: {problem.text}" for problem in problems]
        print(f"terraform test {test}: {len(outcomes)} runs")
    return complaints


def policies() -> list[str]:
    """What checkov has against the configuration, beyond what stands there with its reason."""
    command = [str(PYTHON.with_name("checkov")), "--directory", str(TERRAFORM), "--skip-path", "tests"]
    options = ["--framework", "terraform", "--skip-download", "--quiet", "--compact", "--output", "json"]
    done = subprocess.run([*command, *options], capture_output=True, text=True, timeout=300, check=False)
    report = json.loads(done.stdout)
    summary = report["summary"]
    print(f"checkov: {summary['passed']} pass, {summary['skipped']} left with a reason")
    failed = [f"{each['check_id']}: {each['resource']}: {each['check_name']}" for each in report["results"]["failed_checks"]]
    unread = [f"checkov could not read {path}" for path in report["results"].get("parsing_errors", [])]
    return failed + unread + ([] if summary["passed"] else ["checkov looked at nothing"])


def workflows() -> list[str]:
    """What the schema of GitHub's workflows has against ours."""
    files = [str(path) for path in sorted((ROOT / ".github" / "workflows").glob("*.yml"))]
    if not files:
        return []
    command = [str(PYTHON.with_name("check-jsonschema")), "--builtin-schema", "vendor.github-workflows", *files]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return [] if done.returncode == 0 else [done.stdout + done.stderr]


def main() -> None:
    """Runs everything that can be run here, and says what cannot."""
    complaints = policies() + workflows()
    reason = missing()
    if reason is None:
        with tempfile.TemporaryDirectory() as folder:
            complaints += terraform(Path(folder))
            complaints += [f"not found: {fault.name}" for fault in faults.hunt(Path(folder))]
        print(f"{len(faults.FAULTS)} faults planted")
    else:
        print(f"Terraform itself was not run: {reason}")
    print("\n".join(complaints) or "nothing is wrong; no apply was ever run against Azure")
    sys.exit(1 if complaints else 0)


if __name__ == "__main__":
    main()
