// The header in one file of two; the other throws and makes, this one catches and reads.

#include "check.h"
#include "two_files.hpp"

int main() {
    const freesmtp::EmailMessage message = MadeElsewhere();
    CHECK(message.Recipients.Count() == 1);
    try {
        message.ToBytes();
        CHECK(!"thrown");
    } catch (const freesmtp::MessageError &error) {
        CHECK(error.Field() == "Subject");
    }
    return 0;
}
