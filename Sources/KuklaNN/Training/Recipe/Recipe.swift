public import Foundation
public import KuklaNumerics

/// Everything that decides how a model is trained: settings that all methods share, and a method's own under `options`.
///
/// Read from YAML, changed by the command's flags, printed into the run's folder. docs/training.md lists the keys.
public struct Recipe<Options: RecipePart>: Sendable {
    /// What all methods share: the keys at the top.
    public var training: TrainingSettings
    /// What only this method has: the keys under `options`.
    public var options: Options

    /// A recipe with a method's defaults.
    public init(training: TrainingSettings = TrainingSettings(), options: Options) {
        self.training = training
        self.options = options
    }

    /// Changes what the YAML file at `url` says; what it leaves out stays.
    ///
    /// - Throws: `KuklaError` (`missingFile`, `usage`) with file and line: an unknown key and the nearest known one, a key
    ///   that stands twice, a value of the wrong kind or out of its range.
    public mutating func read(_ url: URL) throws(KuklaError) {
        try read(RecipeDocument(url))
    }

    /// Changes what `yaml` says; `name` stands for the file in errors.
    public mutating func read(yaml: String, name: String = "recipe") throws(KuklaError) {
        try read(RecipeDocument(yaml: yaml, name: name))
    }

    private mutating func read(_ document: RecipeDocument) throws(KuklaError) {
        var whole = Whole(recipe: self)
        try RecipeFields.read(&whole, from: document.root)
        self = whole.recipe
    }

    /// The recipe, once its values, which flags may have changed, are held against the ranges of their keys.
    ///
    /// - Throws: `KuklaError.usage` with the key, its value and what was expected.
    public func checked(name: String = "with the command's flags") throws(KuklaError) -> Recipe {
        var recipe = self
        try recipe.read(yaml: yaml, name: name)
        return recipe
    }

    /// The recipe as YAML with every key, defaults written out: reading it gives this recipe again.
    public var yaml: String { get throws(KuklaError) { RecipeValue.yaml(try entries, indent: 0) } }

    var entries: [(key: String, value: RecipeValue)] {
        get throws(KuklaError) { try RecipeFields.entries(of: Whole(recipe: self)) }
    }

    private struct Whole: RecipePart {
        var recipe: Recipe

        mutating func visit(_ fields: inout RecipeFields) throws(KuklaError) {
            try recipe.training.visit(&fields)
            try fields.part("options", &recipe.options)
        }
    }
}
