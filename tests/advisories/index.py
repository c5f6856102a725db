"""Which test stands for which advisory or known mistake of other verifiers.

A value is a test, `path::name`, or a sentence in brackets why none is here. Where several advisories are
one mistake, each has its line all the same. tests/advisories/test_index.py holds the table to what exists.
"""

from __future__ import annotations

BINDING = "tests/advisories/test_binding.py"
TIMES = "tests/advisories/test_times.py"
IDENTITY = "tests/advisories/test_identity.py"
LIMITS = "tests/advisories/test_limits.py"
UPDATES = "tests/advisories/test_trust_updates.py"
HOSTILE = "tests/e2e/test_hostile_registry.py"
HTTP = "tests/unit/adapters/test_http.py"
ADMISSION = "tests/unit/admission/test_admission.py"
TUF = "tests/unit/adapters/test_tuf.py"

TESTS: dict[str, str] = {
    # Binding evidence to the artefact
    "GHSA-whqx-f9j3-ch6m": f"{BINDING}::test_ghsa_whqx_f9j3_ch6m_entry_of_other_signature",
    "CVE-2026-22703": f"{BINDING}::test_ghsa_whqx_f9j3_ch6m_entry_of_other_signature",
    "GHSA-8gw7-4j42-w388": f"{BINDING}::test_ghsa_8gw7_4j42_w388_entry_of_other_payload",
    "CVE-2022-36056": f"{BINDING}::test_ghsa_8gw7_4j42_w388_entry_of_other_payload",
    "GHSA-8pmp-678w-c8xx": f"{BINDING}::test_ghsa_8pmp_678w_c8xx_any_entry_of_the_log",
    "GHSA-ccxc-vr6p-4858": f"{BINDING}::test_ghsa_ccxc_vr6p_4858_forged_bundle",
    "GHSA-w6c6-c85g-mmv6": f"{BINDING}::test_ghsa_w6c6_c85g_mmv6_unparsable_payload",
    "GHSA-vjxv-45g9-9296": f"{BINDING}::test_ghsa_vjxv_45g9_9296_types_of_what_was_signed",
    "GHSA-739f-hw6h-7wq8": f"{BINDING}::test_ghsa_739f_hw6h_7wq8_attestation_of_another_type",
    "GHSA-r2xv-vpr2-42m9": f"{BINDING}::test_ghsa_r2xv_vpr2_42m9_predicate_type_of_the_statement",
    "sigstore-rs#615": f"{BINDING}::test_sigstore_rs_615_subjects_and_digests_are_capped",
    "cosign#5016": f"{BINDING}::test_cosign_5016_null_subjects",
    "GHSA-m3cq-xcx9-3gvm": f"{BINDING}::test_ghsa_m3cq_xcx9_3gvm_the_digest_that_was_verified",
    "GHSA-3hfq-cx9j-923w": f"{HOSTILE}::test_a_moving_tag",
    "GHSA-xhg5-42rf-296r": f"{HOSTILE}::test_cve_2023_33959_another_image_under_a_digest",
    "GHSA-6wvf-f2vw-3425": "tests/unit/image/test_digest.py::test_ghsa_6wvf_f2vw_3425_digest_grammar",
    "GHSA-7rmh-48mx-2vwc": f"{BINDING}::test_ghsa_7rmh_48mx_2vwc_original_bytes",
    "cosign#5014": f"{BINDING}::test_cosign_5014_a_bundle_names_no_repository",
    "CVE-2021-41190": "tests/unit/adapters/test_layout.py::test_cve_2021_41190_a_manifest_of_another_type",
    # Certificates, time, logs
    "GHSA-wfqv-66vq-46rm": f"{TIMES}::test_ghsa_wfqv_66vq_46rm_chain_at_the_proven_time",
    "sigstore-go#276": f"{TIMES}::test_sigstore_go_276_not_before_is_no_time",
    "sigstore-python#1488": f"{TIMES}::test_sigstore_python_1488_integrated_time_of_rekor2",
    "GHSA-xm5m-wgh2-rrg3": f"{TIMES}::test_ghsa_xm5m_wgh2_rrg3_time_stamps",
    "GHSA-wqqc-jjcq-vfxm": (
        "tests/unit/verification/test_verify.py::test_ghsa_wqqc_jjcq_vfxm_windows_of_managed_keys"
    ),
    "GHSA-9vcr-p3rj-q5q6": f"{TIMES}::test_ghsa_9vcr_p3rj_q5q6_one_witness_counted_twice",
    "SCT is verified": f"{TIMES}::test_sct_is_verified",
    "issuer extensions are exact": f"{TIMES}::test_issuer_extensions_are_exact",
    "several leaf certificates": f"{TIMES}::test_several_leaf_certificates",
    "GHSA-xvrc-2wvh-49vc": f"{BINDING}::test_ghsa_xvrc_2wvh_49vc_keys_come_from_the_trust_root",
    "sigstore-conformance": "tests/vectors/test_conformance.py::test_refused",
    "sigstore-conformance, the rest": "tests/vectors/test_conformance_twins.py::test_as_named",
    # Identity and policy
    "GHSA-46mp-8w32-6g94": f"{IDENTITY}::test_ghsa_46mp_8w32_6g94_every_matcher_is_applied",
    "GHSA-59jp-pj84-45mr": f"{IDENTITY}::test_ghsa_59jp_pj84_45mr_patterns_match_the_whole",
    "GHSA-f5mr-q85p-6hh6": f"{IDENTITY}::test_ghsa_f5mr_q85p_6hh6_a_dot_is_not_any_character",
    "Connaisseur 3.3.0, ReDoS": f"{IDENTITY}::test_connaisseur_redos_patterns_take_linear_time",
    "wirelog#1322": f"{IDENTITY}::test_wirelog_1322_a_branch_that_looks_like_a_reference",
    "GHSA-gg4x-fgg2-h9w9": "(exceptions to a policy: there are none)",
    "GHSA-qjvc-p88j-j9rm": "(exceptions to a policy: there are none)",
    "GHSA-57wx-m636-g3g8": f"{IDENTITY}::test_ghsa_57wx_m636_g3g8_an_old_release_does_not_come_back",
    "GHSA-vxvc-cg7j-rwqj": "(a policy's own age: a host's policy is the operator's file, not fetched)",
    "GHSA-66x3-6cw3-v5gj": f"{UPDATES}::test_ghsa_66x3_6cw3_v5gj_rollback",
    "Connaisseur 1.3.0, 3.1.1": "(pull paths: a matter of the host, not of verifying)",
    "duplicate keys in a policy": f"{IDENTITY}::test_duplicate_and_unknown_keys_spoil_a_policy",
    # Failing closed
    "GHSA-fgw4-v983-mgp8": f"{IDENTITY}::test_ghsa_fgw4_v983_mgp8_nothing_found_is_not_accepted",
    "GHSA-7c37-gx6w-8vc5": f"{IDENTITY}::test_ghsa_7c37_gx6w_8vc5_a_crash_denies",
    "GHSA-qjh3-4j3h-vmwp": f"{TUF}::test_a_cache_that_cannot_be_written",
    "sigstore-rust#165": f"{UPDATES}::test_sigstore_rust_165_a_cache_is_not_trusted",
    # Hostile registries and networks
    "GHSA-vfp6-jrw2-99g9": f"{LIMITS}::test_ghsa_vfp6_jrw2_99g9_many_layers",
    "GHSA-88jx-383q-w4qc": f"{LIMITS}::test_ghsa_88jx_383q_w4qc_large_evidence",
    "GHSA-95pr-fxf5-86gv": f"{LIMITS}::test_ghsa_95pr_fxf5_86gv_large_payload",
    "GHSA-cq38-jh5f-37mq": f"{LIMITS}::test_ghsa_cq38_jh5f_37mq_many_of_everything",
    "GHSA-9m3v-v4r5-ppx7": f"{LIMITS}::test_ghsa_9m3v_v4r5_ppx7_large_manifests",
    "GHSA-rvrx-rrwh-r9p6": f"{HTTP}::test_an_endless_body_ends",
    "GHSA-87x9-7grx-m28v": f"{HTTP}::test_a_large_body_is_refused_unread",
    "GHSA-wc3x-5rfv-hh5v": f"{HTTP}::test_a_budget_counts_bytes",
    "GHSA-9g37-h7p2-2c6r": f"{LIMITS}::test_ghsa_9g37_h7p2_2c6r_deep_json",
    "GHSA-hjpv-68f4-2262": f"{HTTP}::test_a_budget_ends_all_requests",
    "GHSA-4mp4-46gq-hv3r": f"{ADMISSION}::test_time_runs_out",
    "GHSA-2h5h-59f5-c5x9": f"{HTTP}::test_a_gzip_bomb_is_not_expanded",
    "the 101st signature": f"{ADMISSION}::test_ten_thousand_junk_referrers_cannot_hide_ours",
    "limit reached is not none found": f"{ADMISSION}::test_more_than_can_be_verified_is_undecided",
    "GHSA-vh4v-2xq2-g5cg": f"{HTTP}::test_ghsa_vh4v_2xq2_g5cg_credentials_stay_with_their_host",
    "GHSA-jxpm-75mh-9fp7": f"{HOSTILE}::test_ghsa_jxpm_75mh_9fp7_a_next_page_elsewhere",
    "GHSA-xf85-363p-868w": f"{HTTP}::test_ghsa_vh4v_2xq2_g5cg_credentials_stay_with_their_host",
    "GHSA-9m43-p3cx-w8j5": f"{HTTP}::test_ghsa_vh4v_2xq2_g5cg_credentials_stay_with_their_host",
    "GHSA-44f7-5fj5-h4px": f"{HOSTILE}::test_ghsa_44f7_5fj5_h4px_a_foreign_realm",
    "GHSA-8xvp-7hj6-mcj9": f"{TUF}::test_no_credentials_leave",
    "GHSA-85p9-j7c9-v4gr": f"{HOSTILE}::test_a_redirect_to_a_thief",
    "GHSA-3p65-76g6-3w7r": (
        "tests/unit/adapters/registry/test_tokens.py"
        "::test_ghsa_vh4v_2xq2_g5cg_a_foreign_realm_gets_no_password"
    ),
    "GHSA-4c4x-jm2x-pf9j": f"{IDENTITY}::test_ghsa_4c4x_jm2x_pf9j_evidence_names_no_address",
    "GHSA-fcv2-xgw5-pqxf": f"{UPDATES}::test_ghsa_fcv2_xgw5_pqxf_target_names",
    "GHSA-jqc5-w2xx-5vq4": f"{TUF}::test_names_of_repositories",
    "GHSA-fphv-w9fq-2525": f"{UPDATES}::test_ghsa_fphv_w9fq_2525_thresholds",
    "GHSA-846p-jg2w-w324": f"{UPDATES}::test_ghsa_846p_jg2w_w324_malformed_metadata",
    "GHSA-8xwf-rjm4-xvhv": (
        "tests/unit/adapters/test_layout.py::test_ghsa_8xwf_rjm4_xvhv_a_link_out_of_the_folder"
    ),
    "GHSA-fxhp-mv3v-67qp": (
        "tests/unit/adapters/test_layout.py::test_ghsa_8xwf_rjm4_xvhv_a_link_out_of_the_folder"
    ),
    "GHSA-jjrm-hr5f-673x": "(archives: none is unpacked)",
    "GHSA-v554-xwgw-hc3w": "tests/unit/adapters/test_urls.py::test_shows_no_query",
    "GHSA-v6mg-7f7p-qmqp": "tests/unit/adapters/registry/test_auth.py::test_a_secret_is_never_shown",
    "GHSA-crc3-h8v6-qh57": f"{HOSTILE}::test_ghsa_crc3_h8v6_qh57_words_that_drive_a_terminal",
    "GHSA-9c54-x2g4-v92j": "(metrics: verifying has none)",
    "GHSA-hm8f-75xx-w2vr": "(browser logins: there are none)",
}
