"""Faults to plant: the check's own test. Each says in which way it is wrong and by which check it must be found."""

import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from infra.check.workbench import Problem, Workbench

VALIDATE, TEST = "validate", "test"


@dataclass(frozen=True)
class Fault:
    """One line of the configuration made wrong."""

    kind: str
    file: str
    resource: str
    """The resource that it is in: `type.name`."""
    old: str
    """A pattern that is found once in the resource."""
    new: str
    """What stands there instead."""
    says: str
    """A pattern of what the check must say."""
    found_by: str = VALIDATE

    @property
    def name(self) -> str:
        """A name for people."""
        return f"{self.kind}: {self.resource}: {self.new.strip() or 'without ' + self.old.strip()}"


def _after(line: str, added: str) -> tuple[str, str]:
    return f"({line}[^\n]*\n)", rf"\1  {added}\n"


def _without(argument: str) -> tuple[str, str]:
    return rf"\n  {argument} +=[^\n]*", ""


ADD = r"(tags +=[^\n]*\n)"
NAME = r"(name +=[^\n]*\n)"
FAULTS = (
    # Arguments that there are not.
    Fault(
        "unknown",
        "main.app.tf",
        "azurerm_function_app_flex_consumption.this",
        *_after("https_only", 'key_vault_reference_identity_id = "x"'),
        "argument named .key_vault_reference_identity_id.",
    ),
    Fault(
        "unknown",
        "main.bus.tf",
        "azurerm_servicebus_queue.this",
        *_after("max_delivery_count", "dead_lettering = true"),
        "argument named .dead_lettering.",
    ),
    Fault(
        "unknown",
        "main.secrets.tf",
        "azurerm_key_vault.this",
        *_after("tenant_id", "soft_delete_enabled = true"),
        "argument named .soft_delete_enabled.",
    ),
    Fault(
        "unknown",
        "main.messages.tf",
        "azurerm_email_communication_service_domain_sender_username.this",
        *_after("name", "tags = {}"),
        "argument named .tags.",
    ),
    # Arguments that are required.
    Fault("missing", "main.app.tf", "azurerm_service_plan.this", *_without("os_type"), "argument .os_type. is required"),
    Fault(
        "missing",
        "main.network.tf",
        "azurerm_nat_gateway_public_ip_association.this",
        *_without("public_ip_address_id"),
        "argument .public_ip_address_id. is required",
    ),
    Fault(
        "missing",
        "main.messages.tf",
        "azurerm_communication_service.this",
        *_without("data_location"),
        "argument .data_location. is required",
    ),
    Fault(
        "missing",
        "main.jobs.tf",
        "azurerm_container_app_job.migrate",
        *_without("replica_timeout_in_seconds"),
        "argument .replica_timeout_in_seconds. is required",
    ),
    # Arguments that were called otherwise before version 5.
    Fault(
        "renamed",
        "main.storage.tf",
        "azurerm_storage_container.releases",
        "storage_account_id +=",
        "storage_account_name =",
        "argument named .storage_account_name.",
    ),
    Fault(
        "renamed",
        "main.network.tf",
        "azurerm_private_dns_zone_virtual_network_link.this",
        "private_dns_zone_id +=",
        "private_dns_zone_name =",
        "argument named .private_dns_zone_name.",
    ),
    Fault(
        "renamed",
        "main.storage.tf",
        "azurerm_storage_account.host",
        "https_traffic_only_enabled +=",
        "enable_https_traffic_only =",
        "argument named .enable_https_traffic_only.",
    ),
    Fault(
        "renamed",
        "main.network.tf",
        "azurerm_subnet.this",
        r'dynamic "service_endpoint" \{.*?\n  \}\n',
        'service_endpoints = ["Microsoft.Storage"]\n',
        "argument named .service_endpoints.",
    ),
    Fault(
        "renamed",
        "main.watching.tf",
        "azurerm_monitor_diagnostic_setting.this",
        'dynamic "enabled_metric"',
        'dynamic "metric"',
        "Blocks of type .metric.",
    ),
    # Blocks where none belong, too many, or none.
    Fault(
        "block",
        "main.database.tf",
        "azurerm_mysql_flexible_server.this",
        r"(  maintenance_window \{)",
        r"  storage {\n    size_gb = 64\n  }\n\n\1",
        "No more than 1 .storage. blocks",
    ),
    Fault(
        "block",
        "main.messages.tf",
        "azurerm_eventgrid_system_topic_event_subscription.deliveries",
        r"retry_policy \{",
        "retry_policies {",
        "Blocks of type .retry_policies.",
    ),
    Fault(
        "block",
        "main.network.tf",
        "azurerm_private_endpoint.this",
        r"  private_service_connection \{.*?\n  \}\n",
        "",
        "At least 1 .private_service_connection. blocks",
    ),
    Fault(
        "block",
        "main.edge.tf",
        "azurerm_cdn_frontdoor_origin_group.this",
        r"load_balancing \{",
        "load_balancing = {",
        "Unsupported argument|Invalid|argument named .load_balancing.",
    ),
    # Values that are not among those permitted.
    Fault(
        "value",
        "main.network.tf",
        "azurerm_public_ip.outbound",
        '"Static"',
        '"Fixed"',
        "expected allocation_method to be one of",
    ),
    Fault(
        "value",
        "main.edge.tf",
        "azurerm_static_web_app.this",
        'sku_tier( +)= "Standard"',
        r'sku_tier\1= "Premium"',
        "expected sku_tier to be one of",
    ),
    Fault(
        "value",
        "main.bot.tf",
        "azurerm_bot_service_azure_bot.this",
        '"UserAssignedMSI"',
        '"UserAssigned"',
        "expected microsoft_app_type to be one of",
    ),
    Fault(
        "value",
        "main.backup.tf",
        "azurerm_management_lock.database",
        '"CanNotDelete"',
        '"NoDelete"',
        "expected lock_level to be one of",
    ),
    Fault(
        "value",
        "main.training.tf",
        "azurerm_monitor_autoscale_setting.training",
        '"Sunday"',
        '"Sonntag"',
        "expected profile.0.recurrence.0.days.0 to be one of",
    ),
    # Numbers outside their range.
    Fault(
        "range",
        "main.network.tf",
        "azurerm_nat_gateway.this",
        NAME,
        r"\1  idle_timeout_in_minutes = 200\n",
        "expected idle_timeout_in_minutes to be in the range",
    ),
    Fault(
        "range",
        "main.backup.tf",
        "azurerm_data_protection_backup_vault.this",
        "= 14",
        "= 7",
        "expected retention_duration_in_days to be in the range",
    ),
    Fault(
        "range",
        "main.edge.tf",
        "azurerm_cdn_frontdoor_profile.this",
        "= 60",
        "= 600",
        "expected response_timeout_seconds to be in the range",
    ),
    Fault(
        "range",
        "main.watching.tf",
        "azurerm_application_insights_standard_web_test.health",
        "lifetime = 14",
        "lifetime = 400",
        "ssl_cert_remaining_lifetime to be in the range",
    ),
    # What neither schema nor recorded values tell: our own validations and tests do.
    Fault(
        "ours",
        "main.app.tf",
        "azurerm_function_app_flex_consumption.this",
        "= var.python_version",
        '= "3.14"',
        "Python and memory are such as Flex",
        TEST,
    ),
    Fault("ours", "main.bus.tf", "azurerm_servicebus_queue.this", "= var.queue_lock", '= "PT10M"', "a minute's lock", TEST),
    Fault(
        "ours",
        "main.messages.tf",
        "azurerm_eventgrid_system_topic.messages",
        "Microsoft.Communication.",
        "Microsoft.Communications.",
        "Reports are Communication Services' events",
        TEST,
    ),
    Fault(
        "ours",
        "main.watching.tf",
        "azurerm_application_insights_standard_web_test.health",
        "= var.web_test_places",
        '= ["Amsterdam"]',
        "Places have Azure's ids",
        TEST,
    ),
    Fault(
        "ours",
        "main.identity.tf",
        "azurerm_role_assignment.this",
        "= each.value.role",
        '= replace(each.value.role, "Blob Data", "Blob")',
        "A role's name is not one",
        TEST,
    ),
    Fault(
        "ours",
        "main.storage.tf",
        "azurerm_storage_account.data",
        r"public_network_access_enabled( +)= false",
        r"public_network_access_enabled\1= true",
        "answer inside the network alone",
        TEST,
    ),
    Fault(
        "ours",
        "main.database.tf",
        "azurerm_mysql_flexible_server_configuration.this",
        '= "ON"',
        '= "OFF"',
        "MySQL takes TLS 1.2",
        TEST,
    ),
)


def plant(fault: Fault, folder: Path) -> None:
    """Makes the one line wrong. Raises ValueError where the configuration has it no longer."""
    path = folder / fault.file
    text = path.read_text()
    kind, _, label = fault.resource.partition(".")
    head = f'resource "{kind}" "{label}" {{\n'
    begin = text.find(head)
    end = text.find("\n}\n", begin) + 3
    body, count = re.subn(fault.old, fault.new, text[begin:end], count=1, flags=re.DOTALL)
    if begin < 0 or count != 1:
        raise ValueError(f"{fault.name}: {fault.file} has no such line any more")
    path.write_text(text[:begin] + body + text[end:])


def one_of_each_resource(faults: Sequence[Fault]) -> list[Fault]:
    """The faults that can be planted together: the first of each resource."""
    return list({fault.resource: fault for fault in reversed(faults)}.values())


def found(fault: Fault, problems: Sequence[Problem]) -> bool:
    """Whether a check told of the fault, and where it is as far as it tells."""
    return any(
        re.search(fault.says, problem.text) and (fault.found_by == TEST or problem.file == fault.file) for problem in problems
    )


def hunt(folder: Path) -> list[Fault]:
    """Plants all faults, as many at a time as can be told apart. Returns those that their check does not find.

    Terraform does not look at what depends on a resource that is wrong: what hides behind another fault comes again in the
    next round. A round that finds none ends it.
    """
    missed: list[Fault] = []
    for check in (VALIDATE, TEST):
        left = [fault for fault in FAULTS if fault.found_by == check]
        while left:
            planted = one_of_each_resource(left)
            problems = _problems_of(planted, check, Path(tempfile.mkdtemp(dir=folder)))
            caught = [fault for fault in planted if found(fault, problems)]
            if not caught:
                missed += left
                break
            left = [fault for fault in left if fault not in caught]
    return missed


def _problems_of(planted: Sequence[Fault], check: str, folder: Path) -> list[Problem]:
    bench = Workbench(folder)
    for fault in planted:
        plant(fault, bench.terraform)
    bench.init()
    if check == VALIDATE:
        return bench.validate()
    return [problem for name in ("prod", "platform") for problem in bench.test(name)[1]]
