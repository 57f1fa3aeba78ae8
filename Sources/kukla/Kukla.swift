import ArgumentParser

@main
struct Kukla: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "kukla", abstract: "Embeddings cut to size.")
}
