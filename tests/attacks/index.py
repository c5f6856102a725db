"""Which test holds which case of enforcement on real clients, and which stands for which attack on it.

A value is tests, `path::name`, or a sentence in brackets why there is none. Every one of them pulls with real
clients, with legs of both kinds, but for those that the sentence beside them says. tests/attacks/test_index.py holds
the table to what exists.
"""

from __future__ import annotations

E2E = "tests/e2e/test_countersign_"
PULL = f"{E2E}pull.py"
REPLAY = f"{E2E}replay.py"
LISTS = f"{E2E}lists.py"
ORIGINS = f"{E2E}origins.py"
OUTAGES = f"{E2E}outages.py"
MEMORY = f"{E2E}attacks.py"
FILES = "tests/e2e/test_countersignature_with_skopeo.py"
ENABLE = "tests/e2e/test_host_enable.py"
GLASS = "tests/e2e/test_host_break_glass.py"
SMOKE = "tests/e2e/test_host_smoke.py"
MACHINE = "tests/e2e/test_whole_machine.py"
CRIO = "tests/e2e/test_crio_policy.py"

Proof = tuple[str, ...] | str

# What a host must do with a real client, whoever is to blame when it does not.
CASES: dict[str, Proof] = {
    "single image, each client in each form that it reads": (
        f"{PULL}::test_what_is_signed_is_pulled_and_nothing_else",
        f"{PULL}::test_a_bundle_is_pulled",
        f"{SMOKE}::test_bare_keys",
        f"{SMOKE}::test_debian_12",
        f"{MACHINE}::test_smoke_with_an_image_of_ones_own",
    ),
    "multi-arch: by tag, by the list's digest, by an instance's, all": (
        f"{LISTS}::test_only_the_index_is_signed",
        f"{LISTS}::test_only_the_index_is_signed_on_debian_12",
        f"{LISTS}::test_only_one_instance_is_signed",
    ),
    "multi-arch: only the list itself (`--multi-arch index-only`)": (
        "(not possible: skopeo copies the list without evaluating a policy; no image comes with it)"
    ),
    "through a mirror; one place with two logical names": (f"{ORIGINS}::test_through_a_mirror",),
    "private registry": (f"{ORIGINS}::test_a_private_registry",),
    "a real registry, signed by cosign 2.5 and 3.1": (
        f"{ORIGINS}::test_signed_by_cosign_in_a_real_registry",
    ),
    "countersigner down, hung, killed during the pull": (
        f"{OUTAGES}::test_down_hung_and_killed_during_the_pull",
    ),
    "other scopes while it is down": (f"{OUTAGES}::test_what_is_not_ours_works_while_we_are_down",),
    "registry down, hung, or without its evidence": (
        f"{ORIGINS}::test_a_registry_that_is_gone",
        f"{ORIGINS}::test_a_registry_that_hides_evidence",
        f"{OUTAGES}::test_a_registry_that_hangs",
    ),
    "clock a year off, both ways": (f"{OUTAGES}::test_a_clock_that_is_a_year_off",),
    "disk full while admitting, and while answering": (f"{OUTAGES}::test_a_full_disk",),
    "policy changed between two pulls": (f"{PULL}::test_a_policy_that_changes_between_two_pulls",),
    "re-tagged to an unsigned image; an unsigned mutant under the same tag": (
        f"{PULL}::test_a_tag_that_is_moved",
        f"{ORIGINS}::test_signed_by_cosign_in_a_real_registry",
    ),
    "re-tagged to an image that a weaker scope signed": (
        f"{PULL}::test_a_digest_under_a_stricter_tag",
        f"{PULL}::test_a_digest_under_a_stricter_tag_on_debian_12",
    ),
    "signature deleted: stands until its time, then not": (f"{MEMORY}::test_a_signature_that_is_deleted",),
    "one digest in two repositories with opposite policies, 200 at once": (
        f"{MEMORY}::test_one_digest_under_opposite_policies",
    ),
    "bundle copied between two projects of a group": (
        f"{ORIGINS}::test_a_bundle_copied_between_two_projects",
    ),
    "database rows forged by hand": (
        f"{MEMORY}::test_rows_forged_by_hand",
        f"{MEMORY}::test_an_instance_forged_by_hand",
    ),
    "the client says why": (f"{PULL}::test_the_client_says_why",),
    "a scope with two kinds of requirement": (f"{PULL}::test_a_scope_of_two_kinds",),
    "SIGKILL at every write of enable and disable, and in the middle of each": (
        f"{ENABLE}::test_killed_at_every_write",
    ),
    "enable and disable": (f"{ENABLE}::test_enable_status_disable",),
    "a namespace's policy for CRI-O": (
        f"{CRIO}::test_what_a_namespace_may_pull",
        f"{CRIO}::test_keys_change_with_the_policy",
        f"{CRIO}::test_podman_reads_it_too",
    ),
    "a vendor's key below a scope of ours": (f"{FILES}::test_a_vendors_key_below_a_scope_of_ours",),
    "countersigned in advance, in files": (
        f"{E2E}command.py::test_signature_files",
        f"{FILES}::test_an_image_without_countersignature_is_refused",
    ),
}

ATTACKS: dict[str, Proof] = {
    # What a countersignature must say
    "F1: a digest under a tag with a stricter scope": (
        f"{PULL}::test_a_digest_under_a_stricter_tag",
        f"{PULL}::test_a_digest_under_a_stricter_tag_on_debian_12",
    ),
    "F1: evidence for another tag, where the client compares tags": (
        f"{PULL}::test_the_client_compares_the_tag",
        f"{PULL}::test_a_bundle_where_upstream_compares_a_tag",
        f"{PULL}::test_names_that_the_policy_changes",
    ),
    "F1: a digest with a scope of its own": (f"{PULL}::test_a_scope_of_one_digest",),
    "F2: replay by another user on our port, after a policy change": (
        f"{REPLAY}::test_by_another_user_after_a_policy_change",
        f"{FILES}::test_a_policy_change_voids_what_was_countersigned",
    ),
    "F2: replay after expiry, in certificates and in OpenPGP": (
        f"{REPLAY}::test_by_another_user_after_its_time",
        f"{REPLAY}::test_of_openpgp_by_another_user",
        f"{FILES}::test_a_countersignature_that_is_wrong_in_one_way_is_refused",
    ),
    "F2: replay within ten minutes of a revocation": (
        "(not possible: the client asks whoever has the port, which only root can open; it ends with the leaf)"
    ),
    "F2: the port itself": (f"{REPLAY}::test_nobody_else_gets_the_port",),
    "F2: a registry that claims to keep signatures": (
        f"{REPLAY}::test_by_a_registry_that_claims_signatures",
    ),
    "F2: keys without an end, after the policy came back": (
        f"{REPLAY}::test_of_bare_keys_after_the_policy_came_back",
    ),
    "F3: a name that the evidence never said": (
        f"{ORIGINS}::test_a_bundle_copied_between_two_projects",
        f"{PULL}::test_a_bundle_where_upstream_compares_a_tag",
    ),
    "F1 to F3: policies, names and signatures by chance": (
        f"{E2E}any_policy.py::test_nothing_is_pulled_that_the_policy_refuses",
    ),
    # What is remembered
    "F4: another repository's verdict": (f"{MEMORY}::test_one_digest_under_opposite_policies",),
    "F4: rows that mean accepted": (
        f"{MEMORY}::test_rows_forged_by_hand",
        f"{MEMORY}::test_an_instance_forged_by_hand",
    ),
    "F5: two hosts from one image": (f"{REPLAY}::test_two_hosts_from_one_image",),
    "F5: a cloned disk": (f"{REPLAY}::test_a_cloned_disk_has_no_ca",),
    "F5: a rollback across a policy change and across a key change": (
        f"{REPLAY}::test_a_rollback_across_a_policy_change",
    ),
    "F5: a transient /etc": (
        "(no client is needed: tests/unit/host/test_plan.py refuses it before anything is written)"
    ),
    "F6: the host's name spelled otherwise": (
        f"{PULL}::test_a_host_name_in_another_case",
        f"{ENABLE}::test_other_names_of_a_host_are_refused",
    ),
    "F7: a revocation that the next pull undoes": (
        f"{MEMORY}::test_a_revoked_image",
        f"{LISTS}::test_a_revoked_index",
    ),
    # Lists, and images that were signed once
    "F8: an older signed image under a tag": (f"{PULL}::test_a_tag_that_is_moved",),
    "F8: a list with swapped platforms, or with an old instance": (
        f"{LISTS}::test_a_list_with_swapped_platforms",
        f"{LISTS}::test_a_list_with_an_old_instance",
    ),
    "F9: a list in a list": (f"{LISTS}::test_a_list_in_a_list",),
    "F9: an index of a sibling repository": (f"{LISTS}::test_an_index_of_a_sibling",),
    "F9: an index that another scope accepts": (f"{LISTS}::test_an_index_of_another_scope",),
    "F9: a document that is both (CVE-2021-41190)": (f"{LISTS}::test_a_document_that_is_both",),
    "F9: an index buried under tags, or without one": (
        f"{LISTS}::test_more_tags_than_are_looked_at",
        f"{LISTS}::test_a_list_without_a_tag",
    ),
    "F10: podman runs what it has after a refusal": (
        "(not possible: nobody is asked; `pull` refuses, `host probe` names such units, tests/e2e/test_host_audit.py"
        " judges storage again)"
    ),
    "F11: signing what was not verified, or while the policy is not the one in force": (
        f"{PULL}::test_a_policy_that_changes_between_two_pulls",
    ),
    "F12: a redirect by the lookaside": (
        "(not possible: only root answers there, and our service sends none)"
    ),
    "F12: a proxy between client and lookaside": (f"{REPLAY}::test_a_proxy_for_everything",),
    "held: of another digest, repository, registry or host": (f"{REPLAY}::test_of_another",),
    # Availability
    "600 half-open connections of another user while root pulls": (
        f"{OUTAGES}::test_another_users_half_open_connections",
    ),
    "connections of another user by the thousand while root pulls": (f"{OUTAGES}::test_another_users_flood",),
    "a connection that is accepted and never answered": (
        f"{OUTAGES}::test_down_hung_and_killed_during_the_pull",
    ),
    "another user's questions use up what tags may be looked at": (
        f"{OUTAGES}::test_another_users_look_around",
    ),
    "another user's questions burn root's budget": (f"{OUTAGES}::test_another_users_questions",),
    "an image that everybody may pull fails with us": (
        f"{OUTAGES}::test_what_is_not_ours_works_while_we_are_down",
    ),
    "the reason is not told": (f"{PULL}::test_the_client_says_why",),
    # Between verdict and pull
    "TOCTOU: the tag moves under the client": (f"{MEMORY}::test_a_tag_that_moves_under_the_client",),
    "TOCTOU: the content is swapped behind the countersignature": (
        f"{MEMORY}::test_content_that_is_swapped_behind_a_countersignature",
    ),
    "TOCTOU: a policy that is edited and not applied": (
        f"{PULL}::test_a_policy_that_changes_between_two_pulls",
    ),
    # Bootstrap
    "first boot, before there is a CA": (f"{OUTAGES}::test_a_machine_whose_ca_is_not_there",),
    "break-glass with the service, Python and the key gone": (
        f"{GLASS}::test_one_digest",
        f"{GLASS}::test_a_list_covers_its_instances",
        f"{GLASS}::test_two_files_by_hand",
    ),
    "a clock that was set": (f"{OUTAGES}::test_a_clock_that_is_a_year_off",),
}
