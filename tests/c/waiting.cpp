// Waits for the agent that are cancelled from another thread. The argument is the spool of an agent that says that it tells
// events, and nothing more.

#include <freesmtp.hpp>
#include <thread>

#include "check.h"

using namespace freesmtp;

template <class Wait>
static void IsCancelled(Wait wait) {
    const CancelToken cancel;
    std::thread other([&] { cancel.Cancel(); });
    try {
        wait(cancel);
        CHECK(!"cancelled");
    } catch (const Cancelled &error) {
        CHECK(error.Kind() == ErrorKind::Cancelled);
    }
    other.join();
}

int main(int argc, char **argv) {
    CHECK(argc == 2);
    SMTP smtp;
    smtp.SpoolPath = argv[1];
    const auto hear = [](const SpoolEvent &) { return true; };
    IsCancelled([&](const CancelToken &cancel) { smtp.SpoolEvents(hear, "news", {}, cancel); });
    IsCancelled([&](const CancelToken &cancel) { smtp.WaitForBlast("news", 0, cancel); });
    IsCancelled([&](const CancelToken &cancel) { smtp.WaitForMessage("01ARZ3NDEKTSV4RRFFQ69G5FAV", 60, cancel); });
}
