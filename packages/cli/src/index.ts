// Written by scripts/exports.mjs. For applications; nothing inside this package imports it.
export * as ScenarioFile from "./ScenarioFile.ts"
export * as SpillwayCommand from "./SpillwayCommand.ts"
export * as StrategyTable from "./StrategyTable.ts"
