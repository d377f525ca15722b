// The files with TLS that processes of this machine have mapped, in any mount namespace: found once in /proc, then by
// events of the kernel. Each is probed once, whatever number of processes use it.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "mapping_events.h"
#include "tls_probes.h"
#include "tls_reader.h"

namespace tinytap {

// A file, as the kernel names it in /proc/PID/maps: its device (as makedev() in the kernel encodes it) and inode.
using FileKey = std::pair<uint64_t, uint64_t>;

struct TlsLibrary {
  FileKey key;
  // As the first process named it, in that process's mount namespace.
  std::string path;
  // Its library, or why it is unread.
  TlsFile file;
  // The processes that have mapped it.
  std::set<int> processes;
  // CLOCK_BOOTTIME in nanoseconds.
  uint64_t first_seen_ns;
  bool attached;
  // Why it could not be attached; '' otherwise.
  std::string refusal;
};

class TlsLibraries {
 public:
  // `probes`: NULL: find libraries, attach nothing. Throws CaptureError.
  explicit TlsLibraries(TlsProbes* probes);
  ~TlsLibraries();

  // Descriptors that become readable when there is something to do.
  std::vector<int> Descriptors() const;
  // Milliseconds until Work() has something to do anyway; -1: nothing.
  int TimeoutMs() const;
  // Does what there is to do: reads events, takes results, attaches. Never waits.
  void Work();
  // Whether all files that processes have mapped so far have been read, and attached if they are to be.
  bool IsSettled() const { return queue_.empty() && readings_.empty(); }

  // Attaches to every library, also to those that are mapped later, or detaches from all.
  void AttachAll(bool on);
  // The same for one file. False: it is not known.
  bool Attach(const FileKey& key, bool on);

  // All that are known, in the order in which they were found.
  size_t Count() const { return libraries_.size(); }
  const TlsLibrary& At(size_t index) const { return libraries_[index]->library; }
  // The libraries of a process: those with places first.
  std::vector<const TlsLibrary*> Of(int pid) const;

 private:
  struct Known {
    TlsLibrary library;
    // O_PATH, -1 if there is nothing to attach to. Reading the file, and so closing it, could block.
    int path = -1;
    int attachment = -1;
    bool wanted = false;
    uint64_t build = 0;
    bool is_overlay = false;
    // When the last process that had mapped it ended; 0: some have.
    uint64_t unused_since_ms = 0;
  };
  // A file that was seen in a mapping.
  struct Seen {
    uint64_t generation = 0;
    // While it is not read yet: the processes that have mapped it.
    std::set<int> waiting;
    // NULL: it has no TLS, or is not read yet.
    Known* known = nullptr;
  };
  struct Waiting {
    FileKey key;
    int pid;
    uint64_t start, end;
    std::string path;
  };
  struct Reading {
    Waiting file;
    int path;
    std::unique_ptr<TlsReader> reader;
    uint64_t deadline_ms;
  };

  void ScanProcesses();
  // `only`: NULL: all of its files.
  void ScanProcess(int pid, const FileKey* only);
  void LookElsewhere(const Waiting& file);
  void Take(const MappingEvent& event);
  void SeeMapping(const Waiting& file, uint64_t generation);
  void EndProcess(int pid);
  void Use(Known* known, int pid);
  void StartReading();
  void TakeResults();
  void Add(const Reading& reading, const TlsReading& result);
  void DropUnused();
  void Drop(Known* known);
  void Switch(Known* known, bool on);
  bool HasTwin(const Known& known) const;
  void AttachTwins();
  void DetachUnused();

  TlsProbes* probes_;
  MappingEvents events_;
  bool attach_all_ = false;
  std::vector<std::unique_ptr<Known>> libraries_;
  std::map<FileKey, Seen> seen_;
  std::map<int, std::set<Known*>> processes_;
  std::deque<Waiting> queue_;
  std::vector<Reading> readings_;
  uint64_t root_device_ = 0;
};

}  // namespace tinytap
