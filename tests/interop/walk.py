"""Drives a Lifepod server with nothing but what the server says about itself.

usage: walk.py <target> <image>

There is no generated code: the messages are built from the descriptors that gRPC reflection answers.
Lists the services, asks for health, creates a pod, watches it to Running, deletes it and watches it go.
"""

import sys
import threading
import uuid

import grpc
from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

DEADLINE = 60


class Server:
    """Calls methods by name."""

    def __init__(self, channel):
        self.channel = channel
        self.pool = descriptor_pool.DescriptorPool()
        self.added = set()

    def reflect(self, method, **question):
        """One question to one version of the reflection service."""
        stub = self.channel.stream_stream(
            method,
            request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
            response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
        )
        request = reflection_pb2.ServerReflectionRequest(**question)
        return next(iter(stub(iter([request]), timeout=DEADLINE)))

    def services(self, version):
        method = f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo"
        answer = self.reflect(method, list_services="")
        return sorted(service.name for service in answer.list_services_response.service)

    def learn(self, symbol):
        """Adds the file of a symbol, and what it imports, to the pool."""
        method = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
        answer = self.reflect(method, file_containing_symbol=symbol)
        self.add_all(answer.file_descriptor_response.file_descriptor_proto)

    def add_all(self, files):
        parsed = {}
        for blob in files:
            file = FileDescriptorProto.FromString(blob)
            parsed[file.name] = file
        for name in list(parsed):
            self.add(name, parsed)

    def add(self, name, parsed):
        if name in self.added:
            return
        self.added.add(name)
        if name not in parsed:
            method = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
            answer = self.reflect(method, file_by_filename=name)
            for blob in answer.file_descriptor_response.file_descriptor_proto:
                file = FileDescriptorProto.FromString(blob)
                parsed[file.name] = file
        for dependency in parsed[name].dependency:
            self.add(dependency, parsed)
        self.pool.Add(parsed[name])

    def message(self, name):
        return message_factory.GetMessageClass(self.pool.FindMessageTypeByName(name))

    def method(self, service, name):
        method = self.pool.FindServiceByName(service).FindMethodByName(name)
        request = message_factory.GetMessageClass(method.input_type)
        response = message_factory.GetMessageClass(method.output_type)
        kind = self.channel.unary_stream if method.server_streaming else self.channel.unary_unary
        call = kind(
            f"/{service}/{name}",
            request_serializer=request.SerializeToString,
            response_deserializer=response.FromString,
        )
        return request, call


def watch(server, name, seen, moved):
    request, call = server.method("lifepod.v1.PodService", "WatchPods")
    start = request(selector={"namespaces": ["default"], "names": [name]}, snapshot={})
    last = 0
    for frame in call(start, timeout=DEADLINE):
        if frame.WhichOneof("frame") != "change":
            continue
        change = frame.change
        assert change.revision > last, "revisions go up"
        last = change.revision
        for transition in change.transitions:
            subject = transition.subject.WhichOneof("subject")
            if subject in ("object", "phase"):
                with moved:
                    seen.append(f"{subject}: {transition.to}")
                    print(f"  r{change.revision} {seen[-1]}")
                    moved.notify_all()
        if "object: Deleted" in seen:
            return


def wait_for(seen, moved, wanted):
    with moved:
        assert moved.wait_for(lambda: wanted in seen, DEADLINE), f"never saw `{wanted}`, only {seen}"


def main(target, image):
    with grpc.insecure_channel(target, options=[("grpc.default_authority", "localhost")]) as channel:
        server = Server(channel)
        services = server.services("v1")
        ours = [service for service in services if service.startswith("lifepod.")]
        older = [service for service in server.services("v1alpha") if service.startswith("lifepod.")]
        assert ours == older, f"both versions of reflection agree: {ours}, {older}"
        print("services:", " ".join(services))
        assert "lifepod.v1.PodService" in services
        for service in services:
            if service.startswith(("lifepod.", "grpc.health.")):
                server.learn(service)

        request, check = server.method("grpc.health.v1.Health", "Check")
        health = check(request(), timeout=DEADLINE)
        assert health.status == 1, "serving"
        print("health: SERVING")

        name, seen, moved = "from-python", [], threading.Condition()
        watcher = threading.Thread(target=watch, args=(server, name, seen, moved), daemon=True)
        watcher.start()
        request, create = server.method("lifepod.v1.PodService", "CreatePod")
        command = ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.05; done"]
        container = {"name": "main", "image": image, "command": command}
        pod = {"metadata": {"namespace": "default", "name": name}, "spec": {"containers": [container]}}
        create(request(pod=pod, request_id=str(uuid.uuid4())), timeout=DEADLINE)
        print("created", name)
        wait_for(seen, moved, "phase: Running")

        try:
            bad = {"metadata": {"name": "Bad_Name"}, "spec": {"containers": [container]}}
            create(request(pod=bad), timeout=DEADLINE)
            raise AssertionError("a bad pod was accepted")
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.INVALID_ARGUMENT, error.code()
            assert "metadata.name" in error.details(), error.details()
            print("refused:", error.code().name)

        request, delete = server.method("lifepod.v1.PodService", "DeletePod")
        delete(request(namespace="default", name=name, request_id=str(uuid.uuid4())), timeout=DEADLINE)
        wait_for(seen, moved, "object: Deleted")
        watcher.join(DEADLINE)
        print("deleted", name)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
