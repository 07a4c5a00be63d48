"""Refuses the tag `latest`, and images that do not say where they come from."""

from wit_world import exports
from wit_world.exports.admission_hook import Decision, Denial, Outcome_Allow, Outcome_Deny
from wit_world.exports.lifecycle import PluginInfo
from wit_world.imports import config


def decide(outcome):
    return Decision(outcome=outcome, warnings=[], audit=[], cache_seconds=0)


def deny(rule, message):
    return decide(Outcome_Deny(Denial(rule=rule, message=message, detail=None)))


class Lifecycle(exports.Lifecycle):
    def describe(self):
        return PluginInfo(name="example.policy-python", version="1.0.0", details=[])

    def check_config(self):
        return []


class AdmissionHook(exports.AdmissionHook):
    def admit(self, request, image):
        if request.reference == "latest":
            return deny("no-latest", "push a version instead of latest")
        key = config.get("annotation")
        if image is not None and any(name == key for name, _ in image.annotations()):
            return decide(Outcome_Allow())
        return deny("required-annotation", f"annotate the image with {key}")
