// Light or dark: as the system has it, unless the person chose. Kept between starts.
export type Theme = "system" | "light" | "dark";
const KEY = "lectern.theme";
const NEXT: Record<Theme, Theme> = { system: "light", light: "dark", dark: "system" };

class ThemeChoice {
  now = $state<Theme>(read());

  apply(): void {
    document.documentElement.dataset.theme = this.now;
  }

  turn(): void {
    this.now = NEXT[this.now];
    localStorage.setItem(KEY, this.now);
    this.apply();
  }
}

function read(): Theme {
  const kept = localStorage.getItem(KEY);
  return kept === "light" || kept === "dark" ? kept : "system";
}

export const theme = new ThemeChoice();
