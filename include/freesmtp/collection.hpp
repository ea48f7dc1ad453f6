/// The list type of messages and servers.

#ifndef FREESMTP_COLLECTION_HPP
#define FREESMTP_COLLECTION_HPP

#include <cstddef>
#include <utility>
#include <vector>

namespace freesmtp {

/// A list with the members of the original; what `Add` takes is said by the classes derived from it.
///
/// An index behind the last is a std::out_of_range.
template <class T>
class Collection {
public:
    /// How many there are.
    std::size_t Count() const noexcept { return items_.size(); }
    /// The same, for the standard library.
    std::size_t size() const noexcept { return items_.size(); }
    bool empty() const noexcept { return items_.empty(); }

    /// Removes the one at `index`.
    void Remove(std::size_t index) {
        static_cast<void>(items_.at(index));
        items_.erase(items_.begin() + static_cast<typename std::vector<T>::difference_type>(index));
    }
    /// Removes all.
    void Clear() noexcept { items_.clear(); }

    /// The one that was added last.
    T &GetLastItem() { return items_.at(items_.size() - 1); }
    const T &GetLastItem() const { return items_.at(items_.size() - 1); }

    T &operator[](std::size_t index) { return items_.at(index); }
    const T &operator[](std::size_t index) const { return items_.at(index); }

    auto begin() noexcept { return items_.begin(); }
    auto end() noexcept { return items_.end(); }
    auto begin() const noexcept { return items_.begin(); }
    auto end() const noexcept { return items_.end(); }

    /// Adds one that is made already.
    T &Add(T item) {
        items_.push_back(std::move(item));
        return items_.back();
    }

private:
    std::vector<T> items_;
};

}  // namespace freesmtp

#endif
