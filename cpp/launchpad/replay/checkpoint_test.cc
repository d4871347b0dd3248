#include "launchpad/replay/checkpoint.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/resource.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include "launchpad/replay/crc32c.h"
#include "launchpad/replay/test_items.h"

namespace lp::replay {
namespace {

// Files in memory that know what would survive a crash, and that die at a chosen step.
class MemoryFiles final : public FileSystem {
 public:
  struct File {
    std::string bytes;
    size_t synced = 0;
  };
  using Files = std::map<std::string, std::shared_ptr<File>>;

  // Steps until every call fails, as if the process had been killed; -1: never.
  int64_t life = -1;
  int64_t steps = 0;
  int64_t reads = 0;
  std::set<int> priorities{};  // Of the threads that wrote.

  Status make_folder(const std::string&) override { return step(); }
  Result<std::vector<std::string>> list(const std::string& folder) override {
    LP_TRY(step());
    std::vector<std::string> names;
    for (const auto& [path, file] : now_) {
      if (path.starts_with(folder + "/")) names.push_back(path.substr(folder.size() + 1));
    }
    return names;
  }
  Result<std::unique_ptr<OutputFile>> create(const std::string& path) override {
    LP_TRY(step());
    now_[path] = std::make_shared<File>();
    return std::unique_ptr<OutputFile>(std::make_unique<Out>(*this, now_[path]));
  }
  Result<wire::Buffer> read(const std::string& path) override {
    LP_TRY(step());
    ++reads;
    const auto found = now_.find(path);
    if (found == now_.end()) return Error(Code::kNotFound, "no file " + path);
    auto copy = std::make_shared<std::string>(found->second->bytes);
    return wire::Buffer(copy, copy->data(), copy->size());
  }
  Status rename(const std::string& from, const std::string& to) override {
    LP_TRY(step());
    now_[to] = now_[from];
    now_.erase(from);
    return {};
  }
  Status remove(const std::string& path) override {
    LP_TRY(step());
    now_.erase(path);
    return {};
  }
  Status sync_folder(const std::string&) override {
    LP_TRY(step());
    durable_ = now_;
    return {};
  }

  // After the process died: all that it did is there. After the machine died: only what was synced,
  // names as well as bytes.
  void die(bool machine) {
    if (machine) {
      now_ = durable_;
      for (auto& [path, file] : now_) file->bytes.resize(file->synced);
    }
    life = -1;
  }
  Files& files() { return now_; }

 private:
  class Out final : public OutputFile {
   public:
    Out(MemoryFiles& files, std::shared_ptr<File> file) : files_(files), file_(std::move(file)) {}
    Status append(std::string_view bytes) override {
      // A kill may come in the middle of a write.
      const Status alive = files_.step();
      files_.priorities.insert(getpriority(PRIO_PROCESS, 0));
      file_->bytes += alive.ok() ? bytes : bytes.substr(0, bytes.size() / 2);
      return alive;
    }
    Status sync() override {
      LP_TRY(files_.step());
      file_->synced = file_->bytes.size();
      return {};
    }

   private:
    MemoryFiles& files_;
    std::shared_ptr<File> file_;
  };

  Status step() {
    ++steps;
    if (life >= 0 && life-- == 0) life = 0;
    if (life == 0) return Error(Code::kInternal, "killed");
    return {};
  }

  Files now_;
  Files durable_;
};

struct World {
  explicit World(FileSystem& files, CheckpointOptions options = {"/ck", "", 2})
      : checkpointer(std::move(options), files) {
    TableOptions first = table_options("a");
    first.sampler = fifo();
    tables = {Table::make(first).value(), Table::make(TableOptions::queue("b", 100)).value()};
    store = Store::make(tables).value();
  }
  void fill(uint64_t first, uint64_t count) {
    for (uint64_t key = first; key < first + count; ++key) {
      const ChunkRef chunk = numbers(key, static_cast<int64_t>(key), 3);
      ASSERT_TRUE(tables[0]->insert(Item{key, 2.0, whole(chunk), 0}).ok());
      ASSERT_TRUE(tables[1]->insert(Item{key, 1.0, whole(chunk), 0}).ok());
    }
  }
  // All that a checkpoint must bring back, as text.
  std::string state() const {
    std::string text;
    for (const auto& table : tables) {
      const auto snapshot = table->snapshot();
      text += std::to_string(snapshot.counts.inserts) + "/" +
              std::to_string(snapshot.counts.samples) + "/" +
              std::to_string(table->info().num_unique_samples) + ":";
      for (const Item& item : snapshot.items) {
        text += " " + std::to_string(item.key) + "=" + std::to_string(item.times_sampled);
        for (const int64_t value : values(*item.trajectory)) text += "," + std::to_string(value);
      }
      text += "\n";
    }
    return text;
  }
  std::vector<std::shared_ptr<Table>> tables;
  std::unique_ptr<Store> store;
  Checkpointer checkpointer;
};

std::string loaded_state(FileSystem& files) {
  World fresh(files);
  const auto loaded = fresh.checkpointer.load(*fresh.store);
  EXPECT_TRUE(loaded.ok()) << loaded.error().message;
  return loaded.ok() && loaded.value() ? fresh.state() : "none";
}

TEST(Checkpoint, BringsTablesCountsAndWritersBack) {
  MemoryFiles files;
  World world(files);
  world.fill(1, 10);
  ASSERT_TRUE(world.tables[0]->sample(3).ok());
  ASSERT_TRUE(world.tables[1]->sample(2).ok());
  const WriterState writer[] = {{77, 5}};
  world.store->restore_writers(writer);
  ASSERT_TRUE(world.checkpointer.save(*world.store).ok());
  World fresh(files);
  ASSERT_TRUE(fresh.checkpointer.load(*fresh.store).value());
  EXPECT_EQ(fresh.state(), world.state());
  EXPECT_EQ(fresh.store->writers()[0].session, 77U);
  EXPECT_EQ(fresh.store->writers()[0].last, 5U);
  // Tables share chunks as before.
  EXPECT_EQ(fresh.tables[0]->info().chunks, 10);
  // And they are live: what is sampled now is what was loaded.
  EXPECT_EQ(fresh.tables[1]->sample(1).value()[0].key, 3U);
}

TEST(Checkpoint, IsWrittenByAThreadThatGivesWayUnlessItIsInHaste) {
  MemoryFiles files;
  World world(files);
  world.fill(1, 3);
  const int own = getpriority(PRIO_PROCESS, 0);
  ASSERT_TRUE(world.checkpointer.save(*world.store).ok());
  EXPECT_FALSE(files.priorities.contains(own));
  files.priorities.clear();
  ASSERT_TRUE(world.checkpointer.save(*world.store, Haste::kAtOnce).ok());
  EXPECT_EQ(files.priorities, std::set<int>{own});
}

TEST(Checkpoint, AFolderWithoutOneLoadsNothingOrTheFallback) {
  MemoryFiles files;
  EXPECT_EQ(loaded_state(files), "none");
  World world(files);
  world.fill(1, 3);
  ASSERT_TRUE(world.checkpointer.save(*world.store).ok());
  World fresh(files, {"/other", "/ck", 1});
  ASSERT_TRUE(fresh.checkpointer.load(*fresh.store).value());
  EXPECT_EQ(fresh.state(), world.state());
  // What it saves then stands on its own.
  ASSERT_TRUE(fresh.checkpointer.save(*fresh.store).ok());
  std::erase_if(files.files(), [](const auto& file) { return file.first.starts_with("/ck"); });
  World again(files, {"/other", "", 1});
  ASSERT_TRUE(again.checkpointer.load(*again.store).value());
  EXPECT_EQ(again.state(), world.state());
}

// The property that all rests on: killed at any step, process or machine, the last checkpoint that
// was complete is loaded, or the one that was being written.
TEST(Checkpoint, KilledAtAnyStepTheLastCompleteOneIsLoaded) {
  const auto run = [](MemoryFiles& files, int64_t life, std::string& before, std::string& after) {
    World world(files);
    for (uint64_t round = 0; round < 3; ++round) {
      world.fill(round * 10 + 1, 10);
      ASSERT_TRUE(world.checkpointer.save(*world.store).ok());
      ASSERT_TRUE(world.tables[1]->sample(8).ok());
    }
    before = after = world.state();
    ASSERT_TRUE(world.checkpointer.save(*world.store).ok());
    world.fill(100, 5);
    ASSERT_TRUE(world.tables[0]->reset().ok());
    after = world.state();
    files.life = life;
    files.steps = 0;
    (void)world.checkpointer.save(*world.store);
  };
  std::string before, after;
  MemoryFiles whole_run;
  run(whole_run, -1, before, after);
  const int64_t steps = whole_run.steps;
  ASSERT_GT(steps, 8);
  EXPECT_EQ(loaded_state(whole_run), after);
  int old_ones = 0;
  for (int64_t life = 1; life <= steps; ++life) {
    for (const bool machine : {false, true}) {
      MemoryFiles files;
      run(files, life, before, after);
      files.die(machine);
      const std::string state = loaded_state(files);
      EXPECT_TRUE(state == before || state == after) << "at step " << life << ": " << state;
      old_ones += state == before;
      // The next process goes on from there.
      World next(files);
      ASSERT_TRUE(next.checkpointer.load(*next.store).value());
      next.fill(500, 1);
      ASSERT_TRUE(next.checkpointer.save(*next.store).ok());
      EXPECT_EQ(loaded_state(files), next.state());
    }
  }
  EXPECT_GT(old_ones, 4);
}

TEST(Checkpoint, AFailedSaveIsAnErrorAndTheNextOneIsWhole) {
  MemoryFiles files;
  World world(files);
  world.fill(1, 10);
  for (int64_t life = 1; life < 12; ++life) {
    world.fill(static_cast<uint64_t>(100 + life), 1);
    files.life = life;
    const auto failed = world.checkpointer.save(*world.store);
    files.life = -1;
    if (failed.ok()) continue;
    ASSERT_TRUE(world.checkpointer.save(*world.store).ok());
    EXPECT_EQ(loaded_state(files), world.state());
  }
}

TEST(Checkpoint, WhatItWroteItselfIsNotReadAgain) {
  MemoryFiles files;
  World world(files);
  for (uint64_t round = 0; round < 4; ++round) {
    world.fill(round * 10, 10);
    ASSERT_TRUE(world.checkpointer.save(*world.store).ok());
  }
  EXPECT_EQ(files.reads, 0);
}

TEST(Checkpoint, ADamagedOneIsSkippedForTheOneBefore) {
  MemoryFiles files;
  World world(files);
  world.fill(1, 5);
  const std::string before = world.state();
  ASSERT_TRUE(world.checkpointer.save(*world.store).ok());
  world.fill(10, 5);
  const std::string newest = world.checkpointer.save(*world.store).value();
  const std::string right = files.files().at(newest)->bytes;
  for (size_t at = 0; at < right.size(); at += 13) {
    files.files().at(newest)->bytes = right;
    files.files().at(newest)->bytes[at] ^= 0x20;
    EXPECT_EQ(loaded_state(files), before) << at;
  }
  files.files().at(newest)->bytes = right.substr(0, right.size() - 1);
  EXPECT_EQ(loaded_state(files), before);
}

TEST(Checkpoint, ADamagedOneIsNoneOfThoseToKeep) {
  MemoryFiles files;
  std::vector<std::string> saved;
  {
    World first(files);
    for (uint64_t round = 0; round < 2; ++round) {
      first.fill(round * 10 + 1, 5);
      saved.push_back(first.checkpointer.save(*first.store).value());
    }
  }
  files.files().at(saved[1])->bytes.back() ^= 1;
  World second(files);
  EXPECT_EQ(second.checkpointer.load(*second.store).value(), saved[0]);
  for (uint64_t round = 2; round < 4; ++round) {
    // What was loaded stays until there are two newer ones, the damaged one as long.
    EXPECT_TRUE(files.files().contains(saved[0]));
    EXPECT_TRUE(files.files().contains(saved[1]));
    second.fill(round * 10 + 1, 5);
    saved.push_back(second.checkpointer.save(*second.store).value());
  }
  for (size_t i = 0; i < saved.size(); ++i) EXPECT_EQ(files.files().contains(saved[i]), i >= 2);
}

TEST(Checkpoint, ADamagedChunkIsNoticed) {
  MemoryFiles files;
  World world(files);
  world.fill(1, 5);
  ASSERT_TRUE(world.checkpointer.save(*world.store).ok());
  for (auto& [path, file] : files.files()) {
    if (path.find("chunks-") != std::string::npos) file->bytes[file->bytes.size() - 5] ^= 1;
  }
  EXPECT_EQ(loaded_state(files), "none");
}

TEST(Checkpoint, FilesOfOthersAreNeverTouched) {
  MemoryFiles files;
  const std::vector<std::string> foreign = {"/ck/notes.txt",     "/ck/checkpoint-1.lpr",
                                            "/ck/chunks-zz.lpr", "/ck/checkpoint-.lpr",
                                            "/ck/zzz",           "/ck/DONE"};
  for (const auto& path : foreign) ASSERT_TRUE(files.create(path).value()->append("mine").ok());
  World world(files);
  for (uint64_t round = 0; round < 5; ++round) {
    world.fill(round * 10, 10);
    ASSERT_TRUE(world.checkpointer.save(*world.store).ok());
  }
  for (const auto& path : foreign) {
    ASSERT_TRUE(files.files().count(path)) << path;
    EXPECT_EQ(files.files()[path]->bytes, "mine");
  }
}

size_t bytes_of(MemoryFiles& files, std::string_view part) {
  size_t bytes = 0;
  for (const auto& [path, file] : files.files()) {
    if (path.find(part) != std::string::npos) bytes += file->bytes.size();
  }
  return bytes;
}

TEST(Checkpoint, AChunkIsWrittenOnceAndGoesWhenNoneUsesIt) {
  MemoryFiles files;
  World world(files, {"/ck", "", 1});
  world.fill(1, 50);
  ASSERT_TRUE(world.checkpointer.save(*world.store).ok());
  const size_t once = bytes_of(files, "chunks-");
  ASSERT_TRUE(world.checkpointer.save(*world.store).ok());
  EXPECT_EQ(bytes_of(files, "chunks-"), once);
  world.fill(100, 1);
  ASSERT_TRUE(world.checkpointer.save(*world.store).ok());
  EXPECT_LT(bytes_of(files, "chunks-"), once + once / 10);
  // Of the first segment little is left: it is replaced.
  ASSERT_TRUE(world.tables[0]->reset().ok());
  ASSERT_TRUE(world.tables[1]->sample(40).ok());
  ASSERT_TRUE(world.checkpointer.save(*world.store).ok());
  EXPECT_LT(bytes_of(files, "chunks-"), once / 2);
  World fresh(files);
  ASSERT_TRUE(fresh.checkpointer.load(*fresh.store).value());
  EXPECT_EQ(fresh.state(), world.state());
}

TEST(Checkpoint, ATableThatTheStoreHasNotIsNamed) {
  MemoryFiles files;
  World world(files);
  ASSERT_TRUE(world.checkpointer.save(*world.store).ok());
  const auto other = Store::make({Table::make(table_options("other")).value()}).value();
  const auto loaded = world.checkpointer.load(*other);
  EXPECT_EQ(loaded.error().message,
            "Trying to load table 'a' but table was not found in provided list of tables. "
            "Available tables: ['other']");
}

TEST(Checkpoint, LiesInRealFilesToo) {
  char folder[] = "/tmp/lp-replay-XXXXXX";
  ASSERT_NE(::mkdtemp(folder), nullptr);
  const CheckpointOptions options{std::string(folder) + "/a/b", "", 2};
  World world(real_files(), options);
  world.fill(1, 10);
  const std::string path = world.checkpointer.save(*world.store).value();
  EXPECT_TRUE(std::filesystem::exists(path));
  World fresh(real_files(), options);
  EXPECT_EQ(fresh.checkpointer.load(*fresh.store).value(), path);
  EXPECT_EQ(fresh.state(), world.state());
  std::ofstream(options.folder + "/not-a-folder").put('x');
  World bad(real_files(), {options.folder + "/not-a-folder", "", 2});
  EXPECT_FALSE(bad.checkpointer.save(*bad.store).ok());
  std::filesystem::remove_all(folder);
}

TEST(Crc32c, GivesTheValuesOfRfc3720) {
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8a9136aaU);
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62a8ab43U);
  std::string ascending;
  for (char value = 0; value < 32; ++value) ascending += value;
  EXPECT_EQ(crc32c(ascending), 0x46dd794eU);
}

}  // namespace
}  // namespace lp::replay
