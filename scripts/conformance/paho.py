"""Runs one of Paho's test modules, found in the working directory, against HOST PORT, and prints RESULT lines.

Their own command line passes its options on to unittest, which refuses them; so the names that it would set are set here.
"""

import importlib
import logging
import sys
import unittest

sys.path.insert(0, ".")
name, host, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
module = importlib.import_module(name)
prefix = "client_test5/" if name == "client_test5" else ""


def prefixed(*names):
    return [prefix + each for each in names]


def set_names():
    module.host, module.port = host, port
    module.topic_prefix = prefix
    module.topics = prefixed("TopicA", "TopicA/B", "Topic/C", "TopicA/C", "/TopicA")
    module.wildtopics = prefixed("TopicA/+", "+/C", "#", "/#", "/+", "+/+", "TopicA/#")
    module.nosubscribe_topics = ("test/nosubscribe",)


class Results(unittest.TestResult):
    def tell(self, test, outcome):
        print("\nRESULT", test.id().split(".")[-1], outcome, flush=True)

    def addSuccess(self, test):
        self.tell(test, "passed")

    def addFailure(self, test, error):
        self.tell(test, "failed")

    def addError(self, test, error):
        self.tell(test, "failed")


set_names()
module.setData = set_names
logging.getLogger().setLevel(logging.CRITICAL)
suite = unittest.defaultTestLoader.loadTestsFromModule(module)
sys.exit(0 if suite.run(Results()).wasSuccessful() else 1)
