// How a ServerCore's threads read what its connections bring.
#include <utility>

#include "launchpad/courier/frame_batch.h"
#include "launchpad/courier/server_core.h"

namespace lp::courier {

void ServerCore::on_descriptor(int fd, uint32_t events, Streak& streak) {
  if (fd == listener_fd_) return accept_all();
  if (fd == anteroom_.fd()) return anteroom_.close_late();
  const auto session = session_at(fd);
  if (session == nullptr) return;
  const bool ended = (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
  if (!session->note_edge(ended) && !ended) return;
  if ((ended || (events & EPOLLOUT) != 0) && session->flush_ready()) read(session, streak);
  if ((ended || (events & EPOLLIN) != 0) && session->claim_turn()) read(session, streak);
}

std::shared_ptr<Session> ServerCore::session_at(int fd) {
  return sessions_.with([&](auto& sessions) -> std::shared_ptr<Session> {
    const auto found = sessions.find(fd);
    return found == sessions.end() ? nullptr : found->second;
  });
}

void ServerCore::drop(const std::shared_ptr<Session>& session) {
  session->close();
  session->streams().end(Error(Code::kUnavailable, "the client has gone"));
  // Out of the poller before its number can be another's.
  reactor_->unwatch(session->fd());
  sessions_.with([&](auto& sessions) {
    const auto found = sessions.find(session->fd());
    if (found != sessions.end() && found->second == session) sessions.erase(found);
  });
}

void ServerCore::read(const std::shared_ptr<Session>& session, Streak& streak) {
  // A full queue pushes back: the turn waits until the queue is empty, then the client's bytes in
  // the socket. Not so a client that has no call here yet, if its first may have priority.
  const bool may_be_full = queue_.note() >= options_.max_queued_calls;
  const bool full = may_be_full && queue_.with([&](Queue& queue) {
    if (queue.calls.size() < options_.max_queued_calls) return false;
    if (router_.any_priority() && session->calls() == 0) return false;
    queue.readable.push_back(session);
    return true;
  });
  if (full) return;
  FrameBatch batch;
  auto& frames = batch.frames();
  const Session::Turn turn = session->read(frames);
  finish_turn(session, turn, frames, streak);
}

void ServerCore::finish_turn(const std::shared_ptr<Session>& session, Session::Turn turn,
                             std::vector<wire::Frame>& frames, Streak& streak) {
  if (turn == Session::Turn::kMore) {
    queue_.with([&](Queue& queue) { queue.readable.push_back(session); });
  }
  if (!frames.empty()) take(session, frames, streak);
  if (turn == Session::Turn::kClosed) drop(session);
}

bool ServerCore::linger(Streak& streak) {
  const auto session = std::exchange(streak.kept, nullptr);
  FrameBatch batch;
  auto& frames = batch.frames();
  Session::Turn turn = Session::Turn::kDrained;
  const bool came = linger_.until(session, [&] {
    // Others must hear the sockets and the timer, and rings want all of a thread's looks.
    if (!reactor_->watched() || reactor_->has_rings() || ending_.load()) return true;
    if (!session->claim_turn()) return true;
    turn = session->read(frames);
    return turn != Session::Turn::kDrained || !frames.empty();
  });
  if (!came) return false;
  finish_turn(session, turn, frames, streak);
  if (streak.kept != session) linger_.let_go(session);
  return true;
}

}  // namespace lp::courier
