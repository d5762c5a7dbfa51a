import { createTheme, type CSSVariablesResolver } from '@mantine/core';

/** What Mantine draws with, as design tokens: see tokens.css. */
const colors = {
  '--mantine-color-body': 'var(--m-canvas)',
  '--mantine-color-text': 'var(--m-text)',
  '--mantine-color-bright': 'var(--m-text)',
  '--mantine-color-dimmed': 'var(--m-text3)',
  '--mantine-color-placeholder': 'var(--m-text3)',
  '--mantine-color-anchor': 'var(--m-accent)',
  '--mantine-color-error': 'var(--m-bad)',
  '--mantine-color-default': 'var(--m-surface)',
  '--mantine-color-default-hover': 'var(--m-sunken)',
  '--mantine-color-default-color': 'var(--m-text)',
  '--mantine-color-default-border': 'var(--m-line2)',
  '--mantine-color-disabled': 'var(--m-sunken)',
  '--mantine-color-disabled-color': 'var(--m-text3)',
  '--mantine-color-disabled-border': 'var(--m-line)',
  '--mantine-primary-color-filled': 'var(--m-fill)',
  '--mantine-primary-color-filled-hover': 'var(--m-fill-hover)',
  '--mantine-color-cobalt-filled': 'var(--m-fill)',
  '--mantine-color-cobalt-filled-hover': 'var(--m-fill-hover)',
  '--mantine-color-red-filled': 'var(--m-danger)',
  '--mantine-color-red-filled-hover': 'var(--m-danger-hover)',
  '--overlay-bg': 'var(--m-scrim)',
  '--mantine-shadow-sm': 'var(--m-shadow-overlay)',
  '--mantine-shadow-md': 'var(--m-shadow-overlay)',
  '--mantine-shadow-lg': 'var(--m-shadow-overlay)',
  '--mantine-shadow-xl': 'var(--m-shadow-overlay)',
};

/** The greys of its light theme: wells and hovers, lines, borders of controls, texts. */
const greys = {
  '--mantine-color-gray-0': 'var(--m-sunken)',
  '--mantine-color-gray-1': 'var(--m-sunken)',
  '--mantine-color-gray-2': 'var(--m-line)',
  '--mantine-color-gray-3': 'var(--m-line2)',
  '--mantine-color-gray-4': 'var(--m-control)',
  '--mantine-color-gray-6': 'var(--m-text3)',
  '--mantine-color-gray-7': 'var(--m-text2)',
  '--mantine-color-gray-9': 'var(--m-text)',
};

/** Those of its dark theme, in which a lower number is lighter: texts, borders, lines, wells, surfaces. */
const darks = {
  '--mantine-color-dark-0': 'var(--m-text)',
  '--mantine-color-dark-1': 'var(--m-text2)',
  '--mantine-color-dark-2': 'var(--m-text3)',
  '--mantine-color-dark-3': 'var(--m-control)',
  '--mantine-color-dark-4': 'var(--m-line2)',
  '--mantine-color-dark-5': 'var(--m-sunken)',
  '--mantine-color-dark-6': 'var(--m-surface)',
  '--mantine-color-dark-7': 'var(--m-sunken)',
  '--mantine-color-dark-8': 'var(--m-sunken)',
};

export const resolveVariables: CSSVariablesResolver = () => ({ variables: {}, light: { ...colors, ...greys }, dark: { ...colors, ...darks } });

/** How what lies over a page comes and goes; not at all for who wants no motion. */
const overlay = {
  transitionProps: {
    transition: { in: { opacity: 1, transform: 'none' }, out: { opacity: 0, transform: 'translateY(4px)' }, transitionProperty: 'opacity, transform' },
    duration: 160,
    timingFunction: 'ease-out',
  },
};

/** A size in numbers is one in pixels, as the design has it; Mantine would make it one of the text's size. */
const inPixels = (name: '--modal-size' | '--drawer-size') => ({
  vars: (_theme: unknown, { size }: { size?: unknown }) => ({ root: typeof size === 'number' ? { [name]: `${size}px` } : {} }),
});

export const theme = createTheme({
  primaryColor: 'cobalt',
  primaryShade: { light: 7, dark: 6 },
  colors: {
    cobalt: ['#ECEFFE', '#DADFFD', '#BDC6FB', '#A3B0FF', '#8090F0', '#6373E4', '#4F60D8', '#3D4FC4', '#3242A8', '#28358A'],
  },
  autoContrast: false,
  defaultRadius: 6,
  cursorType: 'pointer',
  respectReducedMotion: true,
  fontFamily: 'var(--m-sans)',
  fontFamilyMonospace: 'var(--m-mono)',
  fontSizes: { xs: '12px', sm: '14px', md: '14px', lg: '15px', xl: '22px' },
  lineHeights: { xs: '16px', sm: '20px', md: '20px', lg: '20px', xl: '28px' },
  headings: { fontFamily: 'var(--m-sans)', fontWeight: '600' },
  components: {
    // Mantine writes <header>, which inside a dialog counts as a second banner of the page.
    ModalHeader: { defaultProps: { role: 'presentation' } },
    DrawerHeader: { defaultProps: { role: 'presentation' } },
    // The placeholder is no child that a menu may have; without it the first entry takes the focus.
    Menu: { defaultProps: { withInitialFocusPlaceholder: false, ...overlay } },
    Modal: { defaultProps: overlay, ...inPixels('--modal-size') },
    Drawer: { defaultProps: overlay, ...inPixels('--drawer-size') },
    Popover: { defaultProps: overlay },
  },
  // The widths at which the layout changes, in Mantine's names: narrow below sm, wide from md.
  breakpoints: { xs: '360px', sm: '700px', md: '1100px', lg: '1240px', xl: '1600px' },
});
