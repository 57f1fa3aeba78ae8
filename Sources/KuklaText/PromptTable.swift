import Foundation
import KuklaNumerics

/// What a model folder says about instructions: prompts by name, as sentence-transformers has them, and the template that they were
/// made by. Stands in `config_sentence_transformers.json`.
public struct PromptTable: Sendable, Hashable {
    public var prompts: [String: String]
    public var template: InstructionTemplate

    public init(prompts: [String: String] = [:], template: InstructionTemplate = .standard) {
        self.prompts = prompts
        self.template = template
    }

    static let file = "config_sentence_transformers.json"

    private struct Values: Decodable {
        var prompts: [String: String?]?
        var instruction_template: String?
    }

    /// Empty where the folder says nothing.
    ///
    /// - Throws: `KuklaError` for a file that is no JSON, or a template without its places.
    init(folder: URL) throws(KuklaError) {
        self.init()
        guard let file = try ModelFile(optional: folder, Self.file) else { return }
        let values = try file.decode(Values.self)
        prompts = (values.prompts ?? [:]).compactMapValues(\.self)
        if let text = values.instruction_template { template = try InstructionTemplate(text) }
    }

    /// The prompt that is called `instruction`, or else the one of that task in words.
    public func prompt(for instruction: String) -> String {
        prompts[instruction] ?? template.prompt(instruction)
    }
}
