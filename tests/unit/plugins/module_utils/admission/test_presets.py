"""Presets: which apply, what they fill in, what they do not override, and when two of them cannot both be meant."""

from __future__ import annotations

from typing import Any

from ansible_collections.playvirt.core.plugins.module_utils.admission import judge, presets, request, versions

from . import cases

SMALL = {"size": "small"}


def instance(domain: dict[str, Any], **meta: Any) -> dict[str, Any]:
    return {"metadata": {"name": "guest", "namespace": "ns", "labels": SMALL, **meta}, "spec": {"domain": domain}}


def test_a_preset_fills_what_is_empty_and_is_noted() -> None:
    preset = cases.preset("small", {"memory": {"guest": "64Mi"}, "cpu": {"cores": 2}})
    applied = presets.apply(instance({"cpu": {"sockets": 1}}), [preset])
    assert applied.vmi["spec"]["domain"] == {"cpu": {"sockets": 1, "cores": 2}, "memory": {"guest": "64Mi"}}
    assert applied.vmi["metadata"]["annotations"] == {"virtualmachinepreset.kubevirt.io/small": "kubevirt.io/v1"}
    assert (applied.names, applied.warnings, applied.causes) == (("small",), (), ())


def test_the_objects_given_are_left_alone() -> None:
    vmi, preset = instance({}), cases.preset("small", {"devices": {"disks": [{"name": "a"}]}})
    applied = presets.apply(vmi, [preset])
    applied.vmi["spec"]["domain"]["devices"]["disks"][0]["name"] = "b"
    assert vmi == instance({})
    assert preset["spec"]["domain"]["devices"]["disks"] == [{"name": "a"}]


def test_a_field_that_the_object_has_is_kept_with_a_warning_that_names_both() -> None:
    preset = cases.preset("small", {"memory": {"guest": "64Mi"}, "cpu": {"cores": 2}})
    applied = presets.apply(instance({"memory": {"guest": "128Mi"}}), [preset])
    assert applied.vmi["spec"]["domain"] == {"memory": {"guest": "128Mi"}, "cpu": {"cores": 2}}
    assert applied.warnings == (
        "spec.domain.memory.guest '128Mi' overrides VirtualMachineInstancePreset 'small', which says '64Mi'",
    )


def test_the_same_amount_in_other_words_is_no_conflict() -> None:
    one, other = (cases.preset(name, {"memory": {"guest": size}}) for name, size in (("a", "1Gi"), ("b", "1024Mi")))
    applied = presets.apply(instance({"memory": {"guest": "1048576Ki"}}), [one, other])
    assert (applied.names, applied.warnings, applied.causes) == (("a", "b"), (), ())


def test_only_what_is_selected_applies() -> None:
    other = cases.preset("other", {"cpu": {"cores": 4}}, matchLabels={"size": "big"})
    expression = {"key": "size", "operator": "NotIn", "values": ["big"]}
    chosen = cases.preset("chosen", {"cpu": {"cores": 2}}, matchExpressions=[expression])
    leaving = cases.preset("leaving", {"cpu": {"cores": 8}})
    leaving["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert presets.apply(instance({}), [other, chosen, leaving]).names == ("chosen",)
    excluded = instance({}, annotations={presets.EXCLUDE: "true"})
    assert presets.apply(excluded, [chosen]).vmi == excluded
    almost = instance({}, annotations={presets.EXCLUDE: "yes"})
    assert presets.apply(almost, [chosen]).names == ("chosen",)


def test_lists_are_merged_by_name() -> None:
    disks = [{"name": "root", "disk": {"bus": "virtio"}, "cache": "none"}, {"name": "more", "disk": {}}]
    preset = cases.preset("small", {"devices": {"disks": disks}})
    applied = presets.apply(instance({"devices": {"disks": [{"name": "root", "cdrom": {"bus": "sata"}}]}}), [preset])
    assert applied.vmi["spec"]["domain"]["devices"]["disks"] == [
        {"name": "root", "cdrom": {"bus": "sata"}, "cache": "none"},
        {"name": "more", "disk": {}},
    ]
    assert applied.warnings == (
        "spec.domain.devices.disks[0].disk 'cdrom' overrides VirtualMachineInstancePreset 'small', which says 'disk'",
    )


def test_two_presets_that_conflict_are_refused_with_both_names() -> None:
    one = cases.preset("one", {"memory": {"guest": "64Mi"}, "cpu": {"cores": 1}})
    two = cases.preset("two", {"memory": {"guest": "128Mi"}, "cpu": {"cores": 2}})
    applied = presets.apply(instance({"memory": {"guest": "256Mi"}}), [two, one])
    (cause,) = applied.causes
    assert cause.field == "metadata.labels"
    assert cause.message == (
        "VirtualMachinePresets cannot be applied due to conflicts: presets 'one' and 'two' conflict:"
        " spec.domain.memory.guest: '64Mi' and '128Mi' (and 1 more)"
    )
    assert applied.vmi == instance({"memory": {"guest": "256Mi"}})


def test_a_template_is_refused_for_conflicting_presets_too() -> None:
    both = [cases.preset("one", {"cpu": {"cores": 1}}), cases.preset("two", {"cpu": {"cores": 2}})]
    vm = cases.vm({"template.metadata.labels": SMALL})
    around = request.Surroundings(presets=both)
    (cause,) = judge.judge("VirtualMachine", request.Request(obj=vm, surroundings=around)).causes
    assert cause.field == "spec.template.metadata.labels"
    assert "'one'" in cause.message
    assert "'two'" in cause.message
    assert judge.judge("VirtualMachine", request.Request(obj=vm, old=vm, surroundings=around)).is_allowed


def test_the_template_of_a_replica_set_is_refused_for_them_and_warned_of_those_it_overrides() -> None:
    one, two = (cases.preset(name, {"memory": {"guest": size}}) for name, size in (("one", "1Gi"), ("two", "2Gi")))
    template = {"metadata": {"labels": SMALL}, "spec": cases.SPEC}
    spec = {"selector": {"matchLabels": SMALL}, "template": template}
    replica_set = {"kind": "VirtualMachineInstanceReplicaSet", "metadata": {"name": "web"}, "spec": spec}

    def judged(*found: dict[str, Any]) -> request.Verdict:
        asked = request.Request(obj=replica_set, surroundings=request.Surroundings(presets=found))
        return judge.VALIDATED["VirtualMachineInstanceReplicaSet"](asked)

    (cause,) = judged(one, two).causes
    assert (cause.field, "presets 'one' and 'two' conflict" in cause.message) == ("spec.template.metadata.labels", True)
    assert judged(one).causes == ()
    assert judged(one).warnings == (
        "spec.template.spec.domain.memory.guest '128Mi' overrides VirtualMachineInstancePreset 'one', which says '1Gi'",
    )


def test_presets_that_conflict_are_each_named_with_one_before() -> None:
    four = [cases.preset(name, {"cpu": {"cores": cores}}) for name, cores in (("a", 1), ("b", 1), ("c", 2), ("d", 3))]
    told = [cause.message.partition("conflicts: ")[2] for cause in presets.apply(instance({}), four).causes]
    assert told == [
        "presets 'a' and 'c' conflict: spec.domain.cpu.cores: '1' and '2'",
        "presets 'a' and 'd' conflict: spec.domain.cpu.cores: '1' and '3'",
    ]


def test_the_oldest_form_is_told_of_a_conflict_where_it_has_its_labels() -> None:
    both = [cases.preset("one", {"cpu": {"cores": 1}}), cases.preset("two", {"cpu": {"cores": 2}})]
    oldest = {
        "apiVersion": "kubevirt.io/v1alpha1",
        "kind": "VirtualMachine",
        "metadata": {"name": "machine", "namespace": "ns", "labels": SMALL},
        "spec": {"domain": {"devices": {}, "memory": {"guest": "64Mi"}}},
    }
    asked = request.Request(obj=versions.modern(oldest), surroundings=request.Surroundings(presets=both))
    (cause,) = versions.as_posted(judge.judge("VirtualMachine", asked), oldest).causes
    assert (cause.field, "presets 'one' and 'two' conflict" in cause.message) == ("metadata.labels", True)


def test_a_template_is_judged_with_its_presets_and_warned_of_those_it_overrides() -> None:
    wrong = cases.preset(
        "small", {"cpu": {"features": [{"name": "vmx", "policy": "always"}]}, "memory": {"guest": "1Gi"}}
    )
    vm = cases.vm({"template.metadata.labels": SMALL})
    verdict = judge.judge("VirtualMachine", request.Request(obj=vm, surroundings=request.Surroundings(presets=[wrong])))
    assert [cause.field for cause in verdict.causes] == ["spec.template.spec.domain.cpu.features[0].policy"]
    assert verdict.warnings == (
        "spec.template.spec.domain.memory.guest '128Mi' overrides VirtualMachineInstancePreset 'small', which says '1Gi'",
    )
