// What JavaScript sees: class Capture and a few functions. src/capture/native-addon.ts has already validated the
// arguments.
#include <fcntl.h>
#include <napi.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <thread>

#include "capture.h"
#include "first_touch.h"
#include "helper_client.h"
#include "known_sockets.h"
#include "process_memory.h"
#include "socket_facts.h"
#include "tls_client.h"

namespace tinytap {

static const size_t kRecordBytesMax = sizeof(capture_event) + CAPTURE_EVENT_PAYLOAD_MAX;

static Napi::Error ToJavaScript(Napi::Env env, const CaptureError& error) {
  Napi::Error result = Napi::Error::New(env, error.what());
  result.Value().Set("code", error.code);
  result.Value().Set("detail", error.detail);
  return result;
}

static Napi::Array Strings(Napi::Env env, const std::vector<std::string>& strings) {
  Napi::Array array = Napi::Array::New(env, strings.size());
  for (size_t i = 0; i < strings.size(); i++) array.Set(i, strings[i]);
  return array;
}

// One character a byte.
static Napi::String BytesString(Napi::Env env, const std::string& bytes) {
  std::u16string characters;
  for (unsigned char byte : bytes) characters += byte;
  return Napi::String::New(env, characters);
}

static uint64_t Integer(const Napi::Value& value) {
  return static_cast<uint64_t>(value.As<Napi::Number>().Int64Value());
}

static CaptureHandles HandlesOf(const Napi::Object& object) {
  CaptureHandles handles;
  handles.ring_bytes = Integer(object.Get("ringBytes"));
  handles.cpu_count = Integer(object.Get("cpuCount"));
  Napi::Object maps = object.Get("maps").As<Napi::Object>();
  Napi::Array names = maps.GetPropertyNames();
  for (uint32_t i = 0; i < names.Length(); i++) {
    std::string name = names.Get(i).As<Napi::String>();
    handles.maps[name] = static_cast<int>(Integer(maps.Get(name)));
  }
  Napi::Array links = object.Get("links").As<Napi::Array>();
  for (uint32_t i = 0; i < links.Length(); i++) handles.links.push_back(static_cast<int>(Integer(links.Get(i))));
  Napi::Array programs = object.Get("programs").As<Napi::Array>();
  for (uint32_t i = 0; i < programs.Length(); i++)
    handles.programs.push_back(static_cast<int>(Integer(programs.Get(i))));
  return handles;
}

// {kind, type, family, local, remote}
static Napi::Object FactsObject(Napi::Env env, const SocketFacts& facts) {
  static const char* const kKinds[] = {"socket", "file", "gone", "unknown"};
  Napi::Object result = Napi::Object::New(env);
  result.Set("kind", kKinds[static_cast<int>(facts.kind)]);
  result.Set("type", facts.type);
  result.Set("family", facts.family);
  result.Set("local", facts.local);
  result.Set("remote", facts.remote);
  return result;
}

class CaptureObject : public Napi::ObjectWrap<CaptureObject> {
 public:
  static Napi::Function Define(Napi::Env env) {
    return DefineClass(env, "Capture",
                       {InstanceMethod<&CaptureObject::UsesOldPrograms>("usesOldPrograms"),
                        InstanceMethod<&CaptureObject::Tracepoints>("tracepoints"),
                        InstanceMethod<&CaptureObject::Attach>("attach"),
                        InstanceMethod<&CaptureObject::ExcludeSelf>("excludeSelf"),
                        InstanceMethod<&CaptureObject::ExcludePid>("excludePid"),
                        InstanceMethod<&CaptureObject::Poll>("poll"),
                        InstanceMethod<&CaptureObject::Waiting>("waiting"),
                        InstanceMethod<&CaptureObject::Counters>("counters"),
                        InstanceMethod<&CaptureObject::ReadClocks>("clocks"),
                        InstanceMethod<&CaptureObject::SetDescriptor>("setDescriptor"),
                        InstanceMethod<&CaptureObject::LearnSocketsInto>("learnSockets"),
                        InstanceMethod<&CaptureObject::SetFilter>("setFilter"),
                        InstanceMethod<&CaptureObject::SetPaused>("setPaused"),
                        InstanceMethod<&CaptureObject::SetSkip>("setSkip"),
                        InstanceMethod<&CaptureObject::ConfirmSocket>("confirmSocket"),
                        InstanceMethod<&CaptureObject::Dismiss>("dismiss"),
                        InstanceMethod<&CaptureObject::Silences>("silence"),
                        InstanceMethod<&CaptureObject::Lookup>("lookup"),
                        InstanceMethod<&CaptureObject::Executable>("executable"),
                        InstanceMethod<&CaptureObject::Hurry>("hurry"),
                        InstanceMethod<&CaptureObject::HasTls>("hasTls"),
                        InstanceMethod<&CaptureObject::CaptureTls>("captureTls"),
                        InstanceMethod<&CaptureObject::TlsLibraries>("tlsLibraries"),
                        InstanceMethod<&CaptureObject::TlsLibraryOf>("tlsLibraryOf"),
                        InstanceMethod<&CaptureObject::HandOver>("handOver"),
                        InstanceMethod<&CaptureObject::Close>("close"),
                        InstanceMethod<&CaptureObject::CloseInBackground>("closeInBackground")});
  }

  // new Capture({objectPath, …}) loads; new Capture({maps, links, …}) continues with inherited descriptors.
  explicit CaptureObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<CaptureObject>(info) {
    Napi::Object given = info[0].As<Napi::Object>();
    try {
      if (given.Has("maps")) {
        capture_ = std::make_unique<Capture>(HandlesOf(given));
        return;
      }
      CaptureOptions options;
      options.object_path = given.Get("objectPath").As<Napi::String>();
      options.old_object_path = given.Get("oldObjectPath").As<Napi::String>();
      options.tracefs = given.Get("tracefs").As<Napi::String>();
      options.ring_bytes = Integer(given.Get("ringBytes"));
      options.capture_limit = Integer(given.Get("captureLimit"));
      options.iovec_limit = Integer(given.Get("iovecLimit"));
      if (given.Has("connections")) options.connections = Integer(given.Get("connections"));
      if (given.Has("processes")) options.processes = Integer(given.Get("processes"));
      options.kernel_types = given.Get("kernelTypes").ToBoolean();
      options.only_check = given.Has("onlyCheck") && given.Get("onlyCheck").ToBoolean();
      int socket = given.Has("attacher") ? static_cast<int>(Integer(given.Get("attacher"))) : -1;
      capture_ = socket < 0 ? std::make_unique<Capture>(options) : std::make_unique<Capture>(socket, options);
    } catch (const CaptureError& error) {
      throw ToJavaScript(info.Env(), error);
    }
  }

 private:
  // Runs `work` with the capture; an exception becomes a JavaScript error with code and detail.
  template <typename Work>
  auto With(const Napi::CallbackInfo& info, Work work) {
    try {
      if (capture_ == nullptr) throw CaptureError("ERR_CLOSED", "the capture is closed");
      return work(*capture_);
    } catch (const CaptureError& error) {
      throw ToJavaScript(info.Env(), error);
    }
  }

  Napi::Value UsesOldPrograms(const Napi::CallbackInfo& info) {
    return Napi::Boolean::New(info.Env(), With(info, [](Capture& capture) { return capture.UsesOldPrograms(); }));
  }

  static Napi::Object ResultObject(Napi::Env env, const AttachResult& attached) {
    Napi::Object result = Napi::Object::New(env);
    result.Set("attached", Strings(env, attached.attached));
    result.Set("count", static_cast<double>(attached.count));
    result.Set("missing", Strings(env, attached.missing));
    return result;
  }

  Napi::Value Tracepoints(const Napi::CallbackInfo& info) {
    return ResultObject(info.Env(), With(info, [](Capture& capture) { return capture.Tracepoints(); }));
  }

  Napi::Value Attach(const Napi::CallbackInfo& info) {
    return ResultObject(info.Env(), With(info, [](Capture& capture) { return capture.Attach(); }));
  }

  void ExcludeSelf(const Napi::CallbackInfo& info) {
    With(info, [](Capture& capture) { capture.ExcludeSelf(); });
  }

  void ExcludePid(const Napi::CallbackInfo& info) {
    With(info, [&](Capture& capture) { capture.ExcludePid(Integer(info[0])); });
  }

  Napi::Value Poll(const Napi::CallbackInfo& info) {
    auto into = info[0].As<Napi::Uint8Array>();
    // A record that could never fit would block all later ones.
    if (into.ByteLength() < kRecordBytesMax)
      throw Napi::RangeError::New(info.Env(),
                                  "expected a view of at least " + std::to_string(kRecordBytesMax) + " bytes");
    int timeout_ms = info[1].As<Napi::Number>(), interval_ms = info[2].As<Napi::Number>();
    const int32_t* signals = nullptr;
    size_t signal_count = 0;
    if (info[3].IsTypedArray()) {
      auto words = info[3].As<Napi::Int32Array>();
      signals = words.Data();
      signal_count = words.ElementLength();
    }
    size_t filled = With(info, [&](Capture& capture) {
      return capture.Poll(into.Data(), into.ByteLength(), timeout_ms, interval_ms, signals, signal_count);
    });
    return Napi::Number::New(info.Env(), static_cast<double>(filled));
  }

  Napi::Value Waiting(const Napi::CallbackInfo& info) {
    uint64_t bytes = With(info, [](Capture& capture) { return capture.Waiting(); });
    return Napi::Number::New(info.Env(), static_cast<double>(bytes));
  }

  Napi::Value Counters(const Napi::CallbackInfo& info) {
    std::vector<uint64_t> sums = With(info, [](Capture& capture) { return capture.Counters(); });
    Napi::Float64Array result = Napi::Float64Array::New(info.Env(), sums.size());
    for (size_t i = 0; i < sums.size(); i++) result[i] = static_cast<double>(sums[i]);
    return result;
  }

  Napi::Value ReadClocks(const Napi::CallbackInfo& info) {
    Clocks clocks = With(info, [](Capture& capture) { return capture.ReadClocks(); });
    Napi::Object result = Napi::Object::New(info.Env());
    result.Set("bootNs", Napi::BigInt::New(info.Env(), clocks.boot_ns));
    result.Set("wallNs", Napi::BigInt::New(info.Env(), clocks.wall_ns));
    return result;
  }

  void SetDescriptor(const Napi::CallbackInfo& info) {
    KnownDescriptor known;
    known.socket = info[2].As<Napi::Boolean>();
    known.close_on_exec = info[3].As<Napi::Boolean>();
    known.group = Integer(info[4]);
    With(info, [&](Capture& capture) {
      capture.SetDescriptor(Integer(info[0]), static_cast<int32_t>(Integer(info[1])), known);
    });
  }

  // The attacher has already looked.
  Napi::Value LearnSocketsInto(const Napi::CallbackInfo& info) {
    size_t count = With(
        info, [](Capture& capture) { return capture.HasHelper() ? capture.FoundSockets() : LearnSockets(capture); });
    return Napi::Number::New(info.Env(), static_cast<double>(count));
  }

  // (mask, pids: [pid, bits, pid, bits …], comms, ports: [first, last, first, last …], cgroups: [id, id …])
  void SetFilter(const Napi::CallbackInfo& info) {
    CaptureFilter filter;
    filter.mask = Integer(info[0]);
    Napi::Array pids = info[1].As<Napi::Array>(), comms = info[2].As<Napi::Array>(), ports = info[3].As<Napi::Array>();
    Napi::Array cgroups = info[4].As<Napi::Array>();
    for (uint32_t i = 0; i + 1 < pids.Length(); i += 2) filter.pids[Integer(pids.Get(i))] = Integer(pids.Get(i + 1));
    for (uint32_t i = 0; i < comms.Length(); i++) filter.comms.push_back(comms.Get(i).As<Napi::String>());
    for (uint32_t i = 0; i + 1 < ports.Length(); i += 2)
      filter.ports.push_back(
          {static_cast<uint16_t>(Integer(ports.Get(i))), static_cast<uint16_t>(Integer(ports.Get(i + 1)))});
    bool lossless;
    for (uint32_t i = 0; i < cgroups.Length(); i++)
      filter.cgroups.push_back(cgroups.Get(i).As<Napi::BigInt>().Uint64Value(&lossless));
    With(info, [&](Capture& capture) { capture.SetFilter(filter); });
  }

  void SetPaused(const Napi::CallbackInfo& info) {
    With(info, [&](Capture& capture) { capture.SetPaused(info[0].As<Napi::Boolean>()); });
  }

  void SetSkip(const Napi::CallbackInfo& info) {
    With(info, [&](Capture& capture) { capture.SetSkip(Integer(info[0]), Integer(info[1]), Integer(info[2])); });
  }

  void ConfirmSocket(const Napi::CallbackInfo& info) {
    With(info, [&](Capture& capture) { capture.ConfirmSocket(Integer(info[0])); });
  }

  void Dismiss(const Napi::CallbackInfo& info) {
    With(info, [&](Capture& capture) { capture.Dismiss(Integer(info[0])); });
  }

  Napi::Value Silences(const Napi::CallbackInfo& info) {
    Silence silence = With(info, [](Capture& capture) { return capture.Silences(); });
    Napi::Object result = Napi::Object::New(info.Env());
    result.Set("helper", silence.helper);
    result.Set("lookers", silence.lookers);
    result.Set("unanswered", static_cast<double>(silence.unanswered));
    return result;
  }

  Napi::Value Lookup(const Napi::CallbackInfo& info) {
    return FactsObject(info.Env(), With(info, [&](Capture& capture) {
                         return capture.Lookup(static_cast<int>(Integer(info[0])), static_cast<int>(Integer(info[1])));
                       }));
  }

  Napi::Value Executable(const Napi::CallbackInfo& info) {
    std::string path =
        With(info, [&](Capture& capture) { return capture.Executable(static_cast<int>(Integer(info[0]))); });
    return BytesString(info.Env(), path);
  }

  void Hurry(const Napi::CallbackInfo& info) {
    With(info, [&](Capture& capture) { capture.Hurry(info[0].As<Napi::Boolean>()); });
  }

  Napi::Value HasTls(const Napi::CallbackInfo& info) {
    return Napi::Boolean::New(info.Env(), With(info, [](Capture& capture) { return capture.Tls() != nullptr; }));
  }

  // (on) → the number of libraries that are attached.
  Napi::Value CaptureTls(const Napi::CallbackInfo& info) {
    uint64_t count = With(info, [&](Capture& capture) {
      if (capture.Tls() == nullptr)
        throw CaptureError("ERR_TLS", "this session was started without --tls, so nothing may attach to TLS libraries");
      return capture.Tls()->Switch(info[0].As<Napi::Boolean>());
    });
    return Napi::Number::New(info.Env(), static_cast<double>(count));
  }

  static Napi::Object LibraryObject(Napi::Env env, const TlsLibraryRow& library) {
    Napi::Object result = Napi::Object::New(env);
    result.Set("path", BytesString(env, library.path));
    result.Set("device", Napi::BigInt::New(env, library.device));
    result.Set("inode", Napi::BigInt::New(env, library.inode));
    result.Set("library", library.library);
    result.Set("version", BytesString(env, library.version));
    result.Set("place", BytesString(env, library.place));
    result.Set("slow", library.slow);
    result.Set("processes", library.processes);
    result.Set("attached", library.attached);
    result.Set("reason", BytesString(env, library.reason));
    result.Set("firstSeenNs", Napi::BigInt::New(env, library.first_seen_ns));
    return result;
  }

  Napi::Value TlsLibraries(const Napi::CallbackInfo& info) {
    auto libraries = With(info, [](Capture& capture) {
      return capture.Tls() == nullptr ? std::vector<TlsLibraryRow>() : capture.Tls()->Libraries();
    });
    Napi::Array result = Napi::Array::New(info.Env(), libraries.size());
    for (size_t i = 0; i < libraries.size(); i++) result.Set(i, LibraryObject(info.Env(), libraries[i]));
    return result;
  }

  // (pid) → undefined if it is not known to have mapped any.
  Napi::Value TlsLibraryOf(const Napi::CallbackInfo& info) {
    auto library = With(info, [&](Capture& capture) {
      return capture.Tls() == nullptr ? std::nullopt : capture.Tls()->LibraryOf(static_cast<int>(Integer(info[0])));
    });
    return library.has_value() ? Napi::Value(LibraryObject(info.Env(), *library)) : info.Env().Undefined();
  }

  Napi::Value HandOver(const Napi::CallbackInfo& info) {
    CaptureHandles handles = With(info, [](Capture& capture) { return capture.HandOver(); });
    Napi::Object maps = Napi::Object::New(info.Env()), result = Napi::Object::New(info.Env());
    for (auto& [name, fd] : handles.maps) maps.Set(name, fd);
    Napi::Array links = Napi::Array::New(info.Env(), handles.links.size());
    for (size_t i = 0; i < handles.links.size(); i++) links.Set(i, handles.links[i]);
    result.Set("ringBytes", static_cast<double>(handles.ring_bytes));
    result.Set("cpuCount", handles.cpu_count);
    result.Set("maps", maps);
    Napi::Array programs = Napi::Array::New(info.Env(), handles.programs.size());
    for (size_t i = 0; i < handles.programs.size(); i++) programs.Set(i, handles.programs[i]);
    result.Set("links", links);
    result.Set("programs", programs);
    return result;
  }

  void Close(const Napi::CallbackInfo&) { capture_.reset(); }

  void CloseInBackground(const Napi::CallbackInfo&) {
    if (capture_ != nullptr) capture_->CloseInBackground();
    capture_.reset();
  }

  std::unique_ptr<Capture> capture_;
};

// (pid, fd)
static Napi::Value LookupSocketFor(const Napi::CallbackInfo& info) {
  return FactsObject(info.Env(), LookupSocket(static_cast<int>(Integer(info[0])), static_cast<int>(Integer(info[1]))));
}

// (socket) → the attacher's effective capabilities as a BigInt; undefined if it does not answer. The caller still owns
// the socket.
static Napi::Value AttacherRights(const Napi::CallbackInfo& info) {
  int socket = fcntl(static_cast<int>(Integer(info[0])), F_DUPFD_CLOEXEC, 3);
  if (socket < 0) return info.Env().Undefined();
  HelperClient client(socket);
  request question = {};
  question.type = REQUEST_RIGHTS;
  answer rights;
  // It may be loading the programs.
  if (!client.Ask(question, &rights, kAttacherMs)) return info.Env().Undefined();
  return Napi::BigInt::New(info.Env(), static_cast<uint64_t>(rights.value));
}

// (pid) → Promise of the exit status. A separate thread waits, because Node waits only for children that Node started.
static Napi::Value WaitForChild(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  pid_t pid = static_cast<pid_t>(Integer(info[0]));
  auto deferred = std::make_shared<Napi::Promise::Deferred>(Napi::Promise::Deferred::New(env));
  auto ended =
      Napi::ThreadSafeFunction::New(env, Napi::Function::New(env, [](const Napi::CallbackInfo&) {}), "child", 0, 1);
  // The wait alone does not keep the process going.
  ended.Unref(env);
  std::thread([pid, deferred, ended]() {
    int status = 0;
    pid_t result;
    do result = waitpid(pid, &status, 0);
    // A child that asks to be traced (PTRACE_TRACEME) is also reported when it stops.
    while ((result < 0 && errno == EINTR) || (result == pid && WIFSTOPPED(status)));
    int code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    ended.BlockingCall([deferred, result, code](Napi::Env env, Napi::Function) {
      if (result < 0)
        deferred->Reject(Napi::Error::New(env, "no such child process").Value());
      else
        deferred->Resolve(Napi::Number::New(env, code));
    });
    Napi::ThreadSafeFunction(ended).Release();
  }).detach();
  return deferred->Promise();
}

// From now on only root may trace this process or take its descriptors. Until now, its real group prevented that: see
// UNTRACED_GID in launcher.c.
static void ForbidTracing(const Napi::CallbackInfo&) {
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  gid_t gid = getegid();
  if (getgid() != gid && setresgid(gid, gid, gid) != 0) _exit(1);
}

// (view)
static void TouchPagesOf(const Napi::CallbackInfo& info) {
  auto view = info[0].As<Napi::Uint8Array>();
  TouchPages(view.Data(), view.ByteLength());
}

// (view)
static Napi::Value DiscardPagesOf(const Napi::CallbackInfo& info) {
  auto view = info[0].As<Napi::Uint8Array>();
  return Napi::Boolean::New(info.Env(), DiscardPages(view.Data(), view.ByteLength()));
}

// (fd, bytes) → how many the socket took, or -errno. Never waits, although the socket may be a blocking one.
static Napi::Value SendNow(const Napi::CallbackInfo& info) {
  auto bytes = info[1].As<Napi::Uint8Array>();
  int fd = static_cast<int>(Integer(info[0]));
  ssize_t sent = send(fd, bytes.Data(), bytes.ByteLength(), MSG_DONTWAIT | MSG_NOSIGNAL);
  return Napi::Number::New(info.Env(), sent < 0 ? -errno : static_cast<double>(sent));
}

// (fd) → whether somebody still reads from the pipe or socket.
static Napi::Value HasReader(const Napi::CallbackInfo& info) {
  pollfd end = {static_cast<int>(Integer(info[0])), 0, 0};
  bool is_gone = poll(&end, 1, 0) == 1 && (end.revents & (POLLERR | POLLHUP)) != 0;
  return Napi::Boolean::New(info.Env(), !is_gone);
}

static void Trim(const Napi::CallbackInfo&) { TrimMemory(); }

static Napi::Object Start(Napi::Env env, Napi::Object exports) {
  ReturnLargePieces();
  exports.Set("Capture", CaptureObject::Define(env));
  exports.Set("attacherRights", Napi::Function::New<AttacherRights>(env, "attacherRights"));
  exports.Set("forbidTracing", Napi::Function::New<ForbidTracing>(env, "forbidTracing"));
  exports.Set("waitForChild", Napi::Function::New<WaitForChild>(env, "waitForChild"));
  exports.Set("lookupSocket", Napi::Function::New<LookupSocketFor>(env, "lookupSocket"));
  exports.Set("touchPages", Napi::Function::New<TouchPagesOf>(env, "touchPages"));
  exports.Set("discardPages", Napi::Function::New<DiscardPagesOf>(env, "discardPages"));
  exports.Set("sendNow", Napi::Function::New<SendNow>(env, "sendNow"));
  exports.Set("hasReader", Napi::Function::New<HasReader>(env, "hasReader"));
  exports.Set("trimMemory", Napi::Function::New<Trim>(env, "trimMemory"));
  exports.Set("recordBytesMax", static_cast<double>(kRecordBytesMax));
  return exports;
}

}  // namespace tinytap

static Napi::Object Init(Napi::Env env, Napi::Object exports) { return tinytap::Start(env, exports); }

NODE_API_MODULE(tinytap, Init)
