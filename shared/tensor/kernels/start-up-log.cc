// Lines that TensorFlow's library logs while it loads, before its own log has levels: information among them goes to
// standard error, whatever TF_CPP_MIN_LOG_LEVEL says. The loader looks for a function in the addon before it looks in
// the libraries that the addon names, so that this one takes the place of Abseil's (absl/log/internal/globals.h).
// Warnings, errors and fatal errors are written as before. TF_CPP_MIN_LOG_LEVEL=0 lets all lines pass.
#include <unistd.h>

#include <cstdlib>
#include <string_view>

namespace absl {
inline namespace lts_20250814 {

enum class LogSeverity : int { kInfo = 0, kWarning = 1 };

namespace log_internal {

constexpr std::string_view kNotice = "WARNING: All log messages before absl::InitializeLog()";

__attribute__((visibility("default"))) void WriteToStderr(std::string_view message, LogSeverity severity) {
  const char* level = std::getenv("TF_CPP_MIN_LOG_LEVEL");
  const bool all = level != nullptr && std::string_view(level) == "0";
  const bool is_notice = message.substr(0, kNotice.size()) == kNotice;
  if (!all && (severity < LogSeverity::kWarning || is_notice)) return;
  while (!message.empty()) {
    const ssize_t written = ::write(STDERR_FILENO, message.data(), message.size());
    if (written <= 0) return;
    message.remove_prefix(static_cast<size_t>(written));
  }
}

}  // namespace log_internal
}  // namespace lts_20250814
}  // namespace absl
